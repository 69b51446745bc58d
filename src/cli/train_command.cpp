// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "train_options.h"

namespace assemble::cli {
namespace {

class TrainCommand : public Command {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "Train or fine-tune a network on a data set"; }

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--out", out_, "Run folder")->required();
    app.add_flag("--resume", resume_, "Go on from the run folder's checkpoint")->configurable(false);
    flags_.declare(app);
  }

  void run() override {
    keep_freed_memory();
    TrainOptions options = flags_.options();
    options.resume = resume_;
    if (flags_.threads > 0) torch::set_num_threads(flags_.threads);
    const auto train = open_dataset(data_, Split::kTrain);
    const auto validation = open_dataset(data_, Split::kValidation);
    RunFolder folder(out_, resume_);
    Trainer trainer(*train, *validation, options, folder);
    folder.write_config(effective_config());
    folder.write_environment({"assemble", "train", "--config", (fs::path(out_) / "config.toml").string()});
    log_info(concat(options.arch, ": ", train->size(), " training and ", validation->size(), " validation images, ",
                    train->classes(), " classes, ", trainer.steps_per_epoch(), " steps an epoch"));
    report(trainer.run());
  }

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
                                      {"out", out_}};
    print(json, format_table({{"top-1 %", "best top-1 %", "ECE", "time", "images/s", "data wait %", "peak MiB"},
                              {format_number(100 * result.last.top1, 2), format_number(100 * result.best_top1, 2),
                               format_number(result.last.ece, 4), format_duration(result.seconds),
                               format_number(result.images_per_second, 1),
                               format_number(100 * result.data_wait_share, 1),
                               format_number(result.peak_memory_mib, 0)}}) +
                    concat("\nModels: ", (fs::path(out_) / "best.safetensors").string(), ", ",
                           (fs::path(out_) / "last.safetensors").string(), "\n"));
  }

  std::string data_;
  std::string out_;
  bool resume_ = false;
  TrainFlags flags_;
};

}  // namespace

std::unique_ptr<Command> make_train_command() { return std::make_unique<TrainCommand>(); }

}  // namespace assemble::cli
