// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "train_options.h"

namespace assemble::cli {
namespace {

class TrainCommand : public Command {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "Train or fine-tune a network on a data set"; }

  void declare(CLI::App& app) override {
    job_.declare(app);
    app.add_flag("--resume", resume_, "Go on from the run folder's checkpoint")->configurable(false);
  }

  void run() override { report(job_.run(*app, resume_)); }

 private:
  void report(const TrainResult& result) const {
    const nlohmann::ordered_json json{{"top1", result.last.top1},
                                      {"top5", result.last.top5},
                                      {"ece", result.last.ece},
                                      {"best_top1", result.best_top1},
                                      {"steps", result.steps},
                                      {"seconds", result.seconds},
                                      {"images_per_second", result.images_per_second},
                                      {"data_wait_share", result.data_wait_share},
                                      {"peak_memory_mib", result.peak_memory_mib},
                                      {"interrupted", result.interrupted},
                                      {"out", job_.out}};
    print(json,
          format_table({{"top-1 %", "best top-1 %", "ECE", "time", "images/s", "data wait %", "peak MiB"},
                        {format_number(100 * result.last.top1, 2), format_number(100 * result.best_top1, 2),
                         format_number(result.last.ece, 4), format_duration(result.seconds),
                         format_number(result.images_per_second, 1), format_number(100 * result.data_wait_share, 1),
                         format_number(result.peak_memory_mib, 0)}}) +
              concat("\nModels: ", (fs::path(job_.out) / "best.safetensors").string(), ", ",
                     (fs::path(job_.out) / "last.safetensors").string(), "\n"));
  }

  bool resume_ = false;
  TrainJob job_;
};

}  // namespace

std::unique_ptr<Command> make_train_command() { return std::make_unique<TrainCommand>(); }

}  // namespace assemble::cli
