// SPDX-License-Identifier: Apache-2.0
// What a training run's processes tell each other. A process alone talks to itself: sums are its own.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/nn/batch_norm.h"
#include "assemble/nn/kept_buffers.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

template <typename T>
std::span<const uint8_t> bytes_of(const T* values, size_t count) {
  return {reinterpret_cast<const uint8_t*>(values), count * sizeof(T)};
}

std::string hexadecimal(uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

uint32_t checksum(const std::string& text, uint32_t before = 0) {
  return crc32c(bytes_of(text.data(), text.size()), before);
}

/// Of labels, as far as they are known without reading images, and class names.
std::string checksum(const Dataset& dataset) {
  uint32_t sum = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const int64_t label = dataset.label(i);
    sum = crc32c(bytes_of(&label, 1), sum);
  }
  for (const std::string& name : dataset.class_names()) sum = checksum(name + "\n", sum);
  return hexadecimal(sum);
}

std::string checksum(const std::vector<torch::Tensor>& tensors) {
  uint32_t sum = 0;
  for (const torch::Tensor& tensor : tensors) {
    // Values in the order in which they lie; the layout is the same on all ranks.
    const torch::Tensor values = tensor.detach().cpu();
    sum = crc32c(bytes_of(static_cast<const uint8_t*>(values.data_ptr()), values.nbytes()), sum);
  }
  return hexadecimal(sum);
}

/// The text that most of them say; of several, the one that comes first.
std::string most_frequent(const std::vector<std::string>& texts) {
  return *std::max_element(texts.begin(), texts.end(), [&](const std::string& a, const std::string& b) {
    return std::count(texts.begin(), texts.end(), a) < std::count(texts.begin(), texts.end(), b);
  });
}

}  // namespace

/// All that a checkpoint keeps of tensors.
std::vector<torch::Tensor> Trainer::kept_tensors() const {
  std::vector<torch::Tensor> tensors;
  for (const auto& [name, tensor] : model_->named_state()) tensors.push_back(tensor.detach());
  for (const auto& [name, tensor] : optimizer_->state()) tensors.push_back(tensor);
  if (average_) {
    for (const auto& [name, tensor] : average_->state()) tensors.push_back(tensor);
  }
  return tensors;
}

void Trainer::require_same_start() const {
  if (!ranks_->is_shared()) return;
  require_same(*ranks_, {{"version", ASSEMBLE_VERSION},
                         {"network", options_.arch},
                         {"images", std::to_string(train_.size())},
                         {"labels and classes", checksum(train_)},
                         {"steps", std::to_string(total_steps_)},
                         {"seed", std::to_string(options_.seed)}});
}

/// Rank 0's state becomes that of all, and from here on gradients are shared.
void Trainer::share_start() {
  if (!ranks_->is_shared()) return;
  ranks_->compute_on(options_.device);
  ranks_->broadcast(kept_tensors());
  const std::string text = ranks_->broadcast(to_text(state_, average_.get()));
  if (!ranks_->is_first()) {
    state_ = state_from_text(text, "rank 0", average_.get());
    card_.training = state_.record;
  }
  model_->train();
  if (options_.sync_bn) {
    const std::shared_ptr<Communicator> ranks = ranks_;
    nn::share_batch_statistics(*model_, [ranks](const torch::Tensor& part) { return ranks->gather(part); });
  } else {
    for (const auto& module : model_->modules()) {
      const auto* bn = module->as<torch::nn::BatchNorm2dImpl>();
      if (bn && bn->is_training()) statistics_.insert(statistics_.end(), {bn->running_mean, bn->running_var});
    }
  }
  share_gradients();
}

void Trainer::share_gradients() {
  std::vector<torch::Tensor> trained;
  for (const TrainedParameter& parameter : parameters_to_train()) trained.push_back(parameter.tensor);
  ranks_->share_gradients(trained);
  settle_buckets();
}

/// The first backward pass decides which gradients travel together, and with that the order of sums. It is one that
/// trains nothing, so that a run which goes on has the buckets of one that was never stopped.
void Trainer::settle_buckets() {
  const nn::KeptBuffers kept(*model_);
  const int64_t side = options_.preprocessing.train_size;
  const torch::Tensor images = torch::zeros({2, 3, side, side})
                                   .to(options_.device, torch::kFloat, false, false, torch::MemoryFormat::ChannelsLast);
  ranks_->backward(model_->forward(images).sum(), /*synchronise=*/true);
  for (const TrainedParameter& parameter : parameters_to_train()) {
    if (parameter.tensor.grad().defined()) continue;
    throw UsageError(concat("`arch` ", options_.arch),
                     concat("cannot be trained by several processes: ", parameter.name, " has no part in its output"));
  }
  optimizer_->zero_grad();
}

/// Each process has the figures of its images: the step's are their means.
void Trainer::share_figures(StepReport& report) {
  std::array figures{report.loss,           report.cross_entropy,    report.distillation,
                     report.jensen_shannon, report.top1.value_or(0), static_cast<double>(loader_->broken())};
  ranks_->sum(figures);
  const double world = ranks_->world();
  report.loss = figures[0] / world;
  report.cross_entropy = figures[1] / world;
  report.distillation = figures[2] / world;
  report.jensen_shannon = figures[3] / world;
  if (report.top1) report.top1 = figures[4] / world;
  if (figures[5] != broken_) share_broken();
}

/// What one process found to be broken counts for all, so that their counts are the same and a checkpoint has them.
void Trainer::share_broken() {
  for (const std::string& text : ranks_->gather(nlohmann::json(loader_->state().broken).dump())) {
    loader_->add_broken(nlohmann::json::parse(text).get<std::vector<int64_t>>());
  }
  broken_ = static_cast<double>(loader_->broken()) * ranks_->world();
}

/// The same sums were applied to the same weights: other ones are a fault of a machine or its software.
void Trainer::compare_ranks() {
  if (!ranks_->is_shared()) return;
  const std::vector<std::string> sums = ranks_->gather(checksum(kept_tensors()));
  const std::string right = most_frequent(sums);
  for (size_t rank = 0; rank < sums.size(); ++rank) {
    if (sums[rank] == right) continue;
    throw RunError(concat("rank ", rank),
                   concat("holds other weights than the other processes after step ", state_.step,
                          sums.size() == 2 ? ", or these hold wrong ones" : ""),
                   "its memory or processor may be faulty; `resume` goes on from the last checkpoint");
  }
}

/// Whether the run ends before its last step: all processes agree.
bool Trainer::is_ended(const std::stop_token& stop) {
  std::array wishes{stopped_by_.empty() ? 0.0 : 1.0, stop.stop_requested() ? 1.0 : 0.0};
  ranks_->sum(wishes);
  interrupted_ = wishes[0] == 0 && wishes[1] > 0;
  return wishes[0] + wishes[1] > 0;
}

/// The checkpoint is of another number of processes: steps become those of the same place in the epoch. The next step
/// begins at the first of its batches that holds no sample which the epoch has seen.
void Trainer::adapt_to_processes() {
  const int64_t images = options_.batch_size * options_.accumulate * ranks_->world();
  const int64_t per_process = state_.step_images / std::max<int64_t>(state_.processes, 1);
  if (per_process != options_.batch_size * options_.accumulate ||
      state_.step_images * state_.steps_per_epoch > train_.size()) {
    throw UsageError("`resume`",
                     concat("the run had ", state_.steps_per_epoch, " steps of ", state_.step_images,
                            " images an epoch, now it has ", steps_per_epoch_, " of ", images),
                     "with another number of processes, keep `batch_size`, `accumulate` and the data, or the images a "
                     "step");
  }
  const int64_t epoch = state_.step / state_.steps_per_epoch;
  const int64_t seen = state_.step % state_.steps_per_epoch * state_.step_images;
  const int64_t step = std::min((seen + images - 1) / images, steps_per_epoch_);
  log_warning(concat("the run was of ", state_.processes, " processes and goes on with ", ranks_->world(), ": step ",
                     state_.step, " of ", state_.step_images, " images is now step ", epoch * steps_per_epoch_ + step,
                     " of ", images, "; the learning rate stays (see `scale_lr`)"));
  state_.step = epoch * steps_per_epoch_ + step;
}

}  // namespace assemble
