// SPDX-License-Identifier: Apache-2.0
#include "torch/train/held_out.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/models/network.h"
#include "assemble/train/trainer.h"
#include "common/config.h"
#include "torch/train/epoch_time.h"
#include "torch/train/survey.h"
#include "torch/train/train_options.h"

namespace assemble::cli {
namespace {

constexpr int64_t kFewestImages = 64;

ChosenSamples chosen(const Dataset& images, const std::vector<int>& part_of_each, int part, bool inside) {
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < images.size(); ++i) {
    if ((part_of_each[static_cast<size_t>(i)] == part) == inside) chosen.push_back(i);
  }
  return {images, std::move(chosen)};
}

/// Shows the trainings as one.
class Trained : public TrainObserver {
 public:
  Trained(Progress& progress, const std::string& note) : progress_(progress), note_(note) {}
  void on_epoch(Trainer&) override { progress_.advance(1, note_); }

 private:
  Progress& progress_;
  std::string note_;
};

TrainOptions options_of(const std::vector<ChosenOption>& chosen) {
  CLI::App app;
  app.option_defaults()->always_capture_default();
  TrainFlags flags;
  flags.declare(app);
  app.parse(std::vector<std::string>{});
  apply_entries(app, read_toml(to_toml(chosen), "the chosen recipe"), "the chosen recipe");
  return flags.options();
}

/// The recipe for a part of the time. @param train the images of one training
TrainOptions planned(const ChosenSamples& train, const ChosenSamples& rest, double minutes,
                     const std::stop_token& stop) {
  TrainingTask task{.images = train.size(), .side = median_side(train), .minutes = minutes, .images_per_second = {}};
  task.images_per_second = training_speed(train, rest, options_of({}), stop);
  std::vector<ChosenOption> chosen = choose_recipe(task);
  const double seconds = seconds_an_epoch(train, rest, options_of(chosen), stop);
  const std::vector<ChosenOption> schedule = choose_schedule(task, static_cast<int64_t>(60 * minutes / seconds));
  chosen.insert(chosen.end(), schedule.begin(), schedule.end());
  TrainOptions options = options_of(chosen);
  options.eval_every = options.epochs;
  return options;
}

}  // namespace

Matrix held_out_logits(const Dataset& images, const std::vector<int>& part_of_each, double minutes,
                       const std::stop_token& stop) {
  if (images.size() < kFewestImages) {
    throw UsageError(
        "--folds",
        concat("trains on the images themselves: ", images.size(), " are too few, ", kFewestImages, " are needed"),
        "use --model");
  }
  const int parts = *std::ranges::max_element(part_of_each) + 1;
  Matrix all(images.size(), images.classes());
  std::ranges::fill(all.values, std::numeric_limits<float>::quiet_NaN());
  std::optional<TrainOptions> options;
  std::optional<Progress> progress;
  for (int part = 0; part < parts; ++part) {
    const ChosenSamples train = chosen(images, part_of_each, part, /*inside=*/false);
    const ChosenSamples rest = chosen(images, part_of_each, part, /*inside=*/true);
    if (!options) {
      options = planned(train, rest, minutes / parts, stop);
      log_info(concat("each of ", parts, " networks, ", options->arch, ", trains for ", options->epochs,
                      " epochs on the images of the others, in crops of ", options->preprocessing.train_size,
                      " pixels"));
      progress.emplace("training", parts * options->epochs, "epochs");
    }
    Trained trained(*progress, concat("network ", part + 1, " of ", parts));
    Trainer trainer(train, rest, *options, {&trained});
    if (trainer.run(stop).interrupted) throw RunError("training", "interrupted");
    const AveragedWeights averaged = trainer.averaged_weights();
    LoaderOptions loading;
    loading.preprocessing = options->preprocessing;
    loading.max_broken = rest.size();
    Loader loader(rest, loading);
    for_each_batch(borrow_network(trainer.model(), options->device, options->precision),
                   {images.classes(), LossType::kSoftmax, options->arch}, loader, "", NotFinite::kWrong,
                   [&](const Batch& batch, const Matrix& logits) {
                     for (int64_t i = 0; i < batch.size; ++i) {
                       const int64_t place = rest.place(batch.indices[static_cast<size_t>(i)]);
                       std::ranges::copy(logits.row(i), all.row(place).begin());
                     }
                   });
  }
  return all;
}

}  // namespace assemble::cli
