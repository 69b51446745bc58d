// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "assemble/train/run_observers.h"
#include "assemble/train/trainer.h"
#include "drawn_data.h"

namespace assemble::test {

/// Brief runs on the drawn images.
class TrainerTest : public testing::Test {
 protected:
  static TrainOptions options() {
    TrainOptions options;
    options.arch = "resnet50+bl+sk+aa3+w8";
    options.epochs = 2;
    options.batch_size = 8;
    options.mixup = MixupType::kKeepBatch;
    options.label_smoothing = 0.1;
    options.drop_block = {0.95, 0.9};
    options.drop_block_size = 1;
    options.average_decay = 0.9;
    options.bn_momentum = 0.9;
    options.schedule.base = 0.05;
    options.preprocessing.train_size = 32;
    options.preprocessing.eval_size = 32;
    options.preprocessing.eval_resize = 32;
    options.seed = 3;
    options.log_every = 1;
    return options;
  }

  TrainResult train(const TrainOptions& options, const std::string& name) {
    RunFolder run(folder_ / name, !options.resume.empty());
    RunObservers observers(run, options);
    return Trainer(*train_, *validation_, options, observers.all()).run();
  }

  /// Trains until metrics.jsonl holds `text`, then asks it to stop.
  TrainResult train_until(const TrainOptions& options, const std::string& name, const std::string& text) {
    RunFolder run(folder_ / name, !options.resume.empty());
    RunObservers observers(run, options);
    Trainer trainer(*train_, *validation_, options, observers.all());
    std::stop_source stop;
    std::thread stopper([&] {
      const fs::path metrics = folder_ / name / "metrics.jsonl";
      while (!fs::exists(metrics) || test::read_text(metrics).find(text) == std::string::npos) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      stop.request_stop();
    });
    const TrainResult stopped = trainer.run(stop.get_token());
    stopper.join();
    return stopped;
  }

  fs::path checkpoint(const std::string& name) const { return folder_ / name / "checkpoint.safetensors"; }
  /// A run "whole", and one in "parts" that is stopped at `text` and goes on with other threads, end with the same
  /// bits.
  void expect_exact_resume(TrainOptions all, const std::string& text) {
    train(all, "whole");
    all.loader_threads = 1;
    ASSERT_TRUE(train_until(all, "parts", text).interrupted);
    all.resume = checkpoint("parts");
    all.loader_threads = 3;
    train(all, "parts");
    EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
  }

  Bytes model_bytes(const std::string& name) const { return read_file(folder_ / name / "last.safetensors"); }

  test::TemporaryFolder folder_;
  std::unique_ptr<Dataset> train_ = open_dataset(test::drawn_data(), Split::kTrain);
  std::unique_ptr<Dataset> validation_ = open_dataset(test::drawn_data(), Split::kValidation);
};

}  // namespace assemble::test
