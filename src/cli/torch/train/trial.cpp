// SPDX-License-Identifier: Apache-2.0
#include "torch/train/trial.h"

#include "assemble/core/error.h"
#include "assemble/core/log.h"

namespace assemble::cli {
namespace {

constexpr int64_t kNeverEnding = 1'000'000;  // epochs

class Silence : public LogSink {
 public:
  void log(LogLevel, const std::string&) override {}
  void show(const ProgressUpdate&) override {}
};

}  // namespace

std::unique_ptr<Trainer> run_trial(const Dataset& train, const Dataset& validation, TrainOptions options, bool small,
                                   TrainObserver& observer, const std::stop_token& stop) {
  const ScopedLogSink silence(std::make_shared<Silence>());  // the run itself says it all
  options.resume.clear();
  options.small_share = small ? 1 : 0;
  options.epochs = options.eval_every = kNeverEnding;
  options.fine_eval_ratio = 1;
  auto trainer = std::make_unique<Trainer>(train, validation, options, std::vector<TrainObserver*>{&observer});
  if (trainer->run(stop).interrupted) throw RunError("trying some steps", "interrupted");
  return trainer;
}

}  // namespace assemble::cli
