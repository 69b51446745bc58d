// SPDX-License-Identifier: Apache-2.0
#include "common/hooks.h"
#include "assemble/models/model_file.h"
#include "assemble/models/teacher.h"
#include "assemble/nn/autocast.h"
#include "assemble/train/batch_memory.h"
#include "assemble/train/ranks.h"
#include "common/config.h"
#include "common/interrupt.h"
#include "torch/commands.h"
#include "torch/train/held_out.h"
#include "torch/train/train_options.h"

namespace assemble::cli {
namespace {

LoadedModel load_teacher(const InferenceOptions& options) {
  const Precision precision = autocast_precision(options.precision);
  ModelCard card;
  const Classifier model = load_model(options.model, &card);
  return {card, make_teacher(model, parse_device(options.device), precision, options.threads), "LibTorch"};
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
  return {.gather = [](const Ranks& ranks, const std::string& name,
                       const std::string& text) { return gather(ranks, name, text); },
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
