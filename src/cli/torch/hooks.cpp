// SPDX-License-Identifier: Apache-2.0
#include "common/hooks.h"
#include "assemble/models/model_file.h"
#include "assemble/models/teacher.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/cuda_runtime.h"
#include "assemble/train/batch_memory.h"
#include "common/config.h"
#include "common/interrupt.h"
#include "torch/commands.h"
#include "torch/train/held_out.h"
#include "torch/train/ranks_options.h"
#include "torch/train/train_options.h"

namespace assemble::cli {
namespace {

LoadedModel load_teacher(const InferenceOptions& options) {
  const Precision precision = autocast_precision(options.precision);
  ModelCard card;
  const Classifier model = load_model(options.model, &card);
  return {card, make_teacher(model, parse_device(options.device), precision, options.threads), "LibTorch"};
}

std::unique_ptr<Exchange> join_others(const Ranks& place) {
  constexpr std::chrono::hours kLongestWait(24);  // for one whose part takes longer
  const std::string hint = "start all of them again";
  return connect(place, {.to_meet = kLongestWait, .hint = hint, .on_lost = end_when_lost(place, hint)});
}

std::string own_device(const std::string& name, int local_rank) {
  torch::Device device = parse_device(name);
  if (!device.is_cuda() || name.find(':') != std::string::npos) return name;
  device.set_index(static_cast<c10::DeviceIndex>(local_rank % cuda_runtime()->devices()));
  return device.str();
}

void check_training(const fs::path& recipe) {
  CLI::App app;
  app.option_defaults()->always_capture_default();
  TrainJob job;
  job.declare(app);
  apply_config(app, {recipe.string()}, true);
  job.check();
}

}  // namespace

Hooks torch_hooks() {
  return {.connect = join_others,
          .own_device = own_device,
          .batch_memory = [](const std::string& device) { return batch_memory(parse_device(device)); },
          .load_teacher = load_teacher,
          .held_out_logits =
              [](const Dataset& images, const std::vector<int>& part_of_each, double minutes) {
                const InterruptGuard interrupt;
                return held_out_logits(images, part_of_each, minutes, interrupt.token());
              },
          .check_training = check_training};
}

}  // namespace assemble::cli
