// SPDX-License-Identifier: Apache-2.0
#include "torch/train/auto_recipe.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/text.h"

namespace assemble::cli {
namespace {

/// Networks and sides of crops that pay at their cost, from the cheapest: see docs/results/auto_recipe.md. Selective
/// kernels cost half as much again as the network without them: on small crops they are for time that epochs leave
/// over.
struct Candidate {
  std::string arch = {};
  int side = 0;
  double epochs = 1;  ///< that there must be time for, of those that are wanted
};
const Candidate kCandidates[] = {
    {"resnet50+d+w16", 64},     {"resnet50+d+sk+w16", 64, 2},  {"resnet50+d+w16", 96},     {"resnet50+d+sk+w16", 96, 2},
    {"resnet50+d+w16", 128},    {"resnet50+d+sk+w16", 128, 2}, {"resnet50+d+sk+w24", 128}, {"resnet50+d+sk+w32", 128},
    {"resnet50+d+sk+w32", 160}, {"resnet50+d+sk+w48", 192},    {"resnet50+d+sk", 224}};

constexpr double kSmallShare = 0.6;        // of the steps
constexpr int64_t kMixingFromEpochs = 60;  // mixed images take long to learn from
constexpr double kWorthwhile = 0.9;        // of the time of f32: less precision is for less time
constexpr int64_t kMostBatch = 32;
constexpr int64_t kLeastStepsAnEpoch = 16;

/// Epochs from which on more bring little: fewer for more images, since a network sees more of them in each.
int64_t wanted_epochs(int64_t images) {
  const double epochs = 100 * std::sqrt(1000 / static_cast<double>(std::max<int64_t>(images, 1)));
  return std::clamp<int64_t>(std::llround(epochs), 10, 150);
}

/// Side of the crops in the first part of a run: two thirds, a multiple of 32; three quarters below 96.
int small_side(int side) {
  if (side < 64) return 0;
  return side < 96 ? side * 3 / 4 / 16 * 16 : side * 2 / 3 / 32 * 32;
}

/// Side of the crops of fine-tuning for evaluation at `side`. A crop shows things larger than a whole image of its side
/// does, so that smaller ones show them at the size that evaluation will (arXiv 1906.06423), in half of the time.
int tuning_side(int side) { return side < 96 ? side : side * 5 / 7 / 32 * 32; }

/// Pixels that a run sees, in the share of what it would with crops of `side` alone.
double cost_share(const TrainingTask& task, int side) {
  if (task.train_size > 0) return 1;
  const double small = static_cast<double>(small_side(side)) / side;
  return small > 0 ? 1 - kSmallShare + kSmallShare * small * small : 1;
}

double epochs_in_time(const TrainingTask& task, const std::string& arch, int side) {
  const double images = 60 * task.minutes * task.images_per_second(arch, side) / cost_share(task, side);
  return images / static_cast<double>(task.images);
}

/// The dearest that has time for its epochs and does not enlarge the images, else the cheapest.
Candidate choose_network(const TrainingTask& task) {
  Candidate best;
  for (const Candidate& candidate : kCandidates) {
    const Candidate wanted{task.arch.empty() ? candidate.arch : task.arch,
                           task.train_size > 0 ? task.train_size : candidate.side, candidate.epochs};
    const double epochs = wanted.epochs * static_cast<double>(wanted_epochs(task.images));
    const bool has_time =
        wanted.side <= std::max(task.side, task.train_size) && epochs_in_time(task, wanted.arch, wanted.side) >= epochs;
    if (best.arch.empty() || has_time) best = wanted;
  }
  return best;
}

int64_t choose_batch(int64_t images) {
  int64_t batch = kMostBatch;
  while (batch > 8 && images / batch < kLeastStepsAnEpoch) batch /= 2;
  return batch;
}

std::string listed(const std::array<float, 3>& values) {
  return concat("[", values[0], ", ", values[1], ", ", values[2], "]");
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

const char* family_of(const Preprocessing& preprocessing) {
  switch (preprocessing.family) {
    case PreprocessingFamily::kReid:
      return "reid";
    case PreprocessingFamily::kInception:
      return "inception";
    case PreprocessingFamily::kTorchvision:
    case PreprocessingFamily::kTorchvisionSquash:
      return "torchvision";
    case PreprocessingFamily::kImagenet:
      break;
  }
  return "imagenet";
}

class Choice {
 public:
  void set(const std::string& key, const std::string& value, const std::string& why = "") {
    options_.push_back({key, value, why});
  }
  std::vector<ChosenOption> options() && { return std::move(options_); }

 private:
  std::vector<ChosenOption> options_;
};

void choose_batch_options(Choice& choice, const TrainingTask& task) {
  const int64_t batch = choose_batch(task.images);
  choice.set("batch-size", concat(batch), concat(std::max<int64_t>(task.images / batch, 1), " steps an epoch"));
  choice.set("bn-momentum", "\"auto\"", "follows the steps of an epoch");
  choice.set("label-smoothing", "0.1", "better calibrated, and a little more accurate");
}

std::vector<ChosenOption> choose_tuning(const TrainingTask& task) {
  const Preprocessing& seen = task.pretrained->preprocessing;
  Choice choice;
  choice.set("arch", quoted(task.pretrained->arch), "the network of --pretrained");
  if (task.train_size == 0) {
    const int side = std::min(seen.train_size, tuning_side(seen.eval_size));
    choice.set("preprocessing", quoted(concat(family_of(seen), "_", side)),
               "as --pretrained has it, but for smaller crops, which show things as large as evaluation does");
    choice.set("eval-size", concat(seen.eval_size));
    choice.set("eval-resize", concat(seen.eval_resize));
    choice.set("mean", listed(seen.mean));
    choice.set("deviation", listed(seen.deviation));
    if (seen.antialias) choice.set("antialias", "true");
    if (seen.apply_exif_orientation) choice.set("exif", quoted(kExifRules.name(seen.exif())));
  }
  choice.set("lr", "0.01", "a tenth of that from scratch: the features are there already");
  choice.set("weight-decay", "5e-4");
  choice.set("min-area", "0.4", "the features are those of whole views: small crops unlearn them");
  choose_batch_options(choice, task);
  return std::move(choice).options();
}

std::vector<ChosenOption> choose_scratch(const TrainingTask& task) {
  const Candidate network = choose_network(task);
  const auto epochs = static_cast<int64_t>(epochs_in_time(task, network.arch, network.side));
  Choice choice;
  choice.set("arch", quoted(network.arch),
             concat("about ", epochs, " epochs of it at ", network.side, " pixels fit ", format_number(task.minutes, 1),
                    " minutes; ", wanted_epochs(task.images), " are wanted"));
  if (task.train_size == 0) {
    choice.set("preprocessing", quoted(concat("imagenet_", network.side)),
               concat("the images' short sides are ", task.side, " in the median"));
    choice.set("antialias", "true", "smaller images keep their detail");
    choice.set("deviation", "[58, 58, 58]", "inputs of about unit variance");
    if (const int small = small_side(network.side); small > 0) {
      choice.set("small-size", concat(small), "the first part of the run is faster with smaller crops");
      choice.set("small-share", format_number(kSmallShare, 1));
    }
  }
  choice.set("zero-gamma", "true");
  choice.set("lr", "0.1");
  choice.set("weight-decay", "5e-4", "stronger than ImageNet's: there are fewer images");
  choose_batch_options(choice, task);
  if (epochs >= kMixingFromEpochs) {
    choice.set("mixup", "1", "the run is long enough to learn from mixed images");
    choice.set("min-area", "0.25", "and from small crops");
  } else {
    choice.set("min-area", "0.4", "the run is too short to learn from small crops and mixed images");
  }
  return std::move(choice).options();
}

}  // namespace

std::string to_toml(const std::vector<ChosenOption>& options) {
  std::string text;
  for (const ChosenOption& option : options) text += concat(option.key, " = ", option.value, "\n");
  return text;
}

std::vector<ChosenOption> choose_for_several_labels() {
  Choice choice;
  choice.set("loss", quoted("sigmoid"), "any number of classes may be right for an image");
  choice.set("sigmoid-divisor", quoted("classes"), "images without a class count as much as others");
  choice.set("validation-metric", quoted("map"));
  return std::move(choice).options();
}

std::vector<ChosenOption> choose_recipe(const TrainingTask& task) {
  return task.pretrained ? choose_tuning(task) : choose_scratch(task);
}

std::vector<ChosenOption> choose_precision(double f32, double bf16) {
  if (bf16 > kWorthwhile * f32) return {};
  return {{"precision", quoted("bf16"),
           concat("an epoch takes ", format_number(bf16, 1), " s in it, ", format_number(f32, 1), " s in f32")}};
}

std::vector<ChosenOption> choose_schedule(const TrainingTask& task, int64_t in_time) {
  const int64_t most = wanted_epochs(task.images) * (task.pretrained ? 1 : 4);
  const int64_t epochs = std::clamp<int64_t>(in_time, 1, most);
  const double steps = static_cast<double>(epochs * task.images) / static_cast<double>(choose_batch(task.images));
  Choice choice;
  choice.set("epochs", concat(epochs),
             in_time > most ? concat("more bring little, though there is time for ", in_time)
                            : concat("as many as fit ", format_number(task.minutes, 1), " minutes"));
  choice.set("warmup-epochs", format_number(static_cast<double>(epochs) / 20, 2), "a twentieth of them");
  choice.set("ema", format_number(std::clamp(1 - 10 / std::max(steps, 1.), 0.9, 0.9998), 4),
             "weights are averaged over about a tenth of the run");
  choice.set("eval-every", concat((epochs + kEvaluations - 1) / kEvaluations),
             concat("at most ", kEvaluations, " evaluations"));
  return std::move(choice).options();
}

}  // namespace assemble::cli
