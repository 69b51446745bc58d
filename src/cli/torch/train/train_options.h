// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assemble/data/label_file.h"
#include "assemble/train/trainer.h"
#include "torch/train/data_check.h"
#include "torch/train/find_lr.h"

namespace assemble::cli {

/// Declares every option of a training run on `app` and turns the parsed values into TrainOptions.
class TrainFlags {
 public:
  void declare(CLI::App& app);
  /// @param place of this process: of several that train on CUDA, each takes the device of its number on the machine,
  ///        unless --device names one
  /// @throws UsageError for values that do not fit
  TrainOptions options(const Ranks& place = {}) const;

  int threads = 0;  ///< of LibTorch; 0: every core

 private:
  void declare_network(CLI::App& app);
  void declare_recipe(CLI::App& app);
  void declare_schedule(CLI::App& app);
  void declare_data(CLI::App& app);
  void declare_run(CLI::App& app);
  void declare_end(CLI::App& app);
  void declare_together(CLI::App& app);
  Preprocessing preprocessing() const;
  Augmentation augmentation(const Preprocessing& preprocessing) const;

  TrainOptions options_;
  std::string preprocessing_ = "imagenet";
  std::string device_ = "auto";
  std::string checkpoint_every_ = "1e";
  std::string bn_momentum_ = "0.997";  // or "auto"
  int mixup_ = 0;
  ExifRule exif_ = ExifRule::kIgnore;
  bool antialias_ = false;
  bool pad_to_square_ = false;
  std::string auto_augment_ = "none";
  double min_area_ = 0;
  int train_size_ = 0;
  int eval_size_ = 0;
  int eval_resize_ = 0;
  std::vector<float> mean_;
  std::vector<float> deviation_;
};

/// A training run as `assemble train` declares it: data set, run folder and options.
class TrainJob {
 public:
  void declare(CLI::App& app);
  /// @throws UsageError for options that do not fit
  void check() const { (void)flags_.options(); }
  /// Trains and leaves a run folder, which is rank 0's affair.
  /// @param app holds the parsed options, which become config.toml
  /// @param ranks processes that train together
  /// @param place of this one; those of a machine share its cores and devices
  TrainResult run(const CLI::App& app, bool overwrite = false,
                  const std::shared_ptr<Communicator>& ranks = std::make_shared<Communicator>(),
                  const Ranks& place = {}) const;

  struct Splits {
    std::shared_ptr<Dataset> train, validation;
    std::string made;  ///< where the data set has none: a label file that says what each image was drawn for
  };
  /// The data set, which is opened once. Images without splits are split, as the run that is resumed had them. @throws
  /// InputError, UsageError for data that cannot be used
  const Splits& splits() const;
  /// The options as parsed. @throws UsageError for values that do not fit
  TrainOptions options() const { return flags_.options(); }
  /// Seconds that an epoch takes on this machine, alone; evaluations come on top. Nothing is written.
  /// @throws RunError when it is interrupted
  double seconds_an_epoch() const { return seconds_an_epoch(alone().precision); }
  double seconds_an_epoch(Precision precision) const;
  /// Images a second of networks at sides of their crops. Nothing is written. @throws RunError when it is interrupted
  std::function<double(const std::string& arch, int side)> training_speed() const;
  /// The learning rate that suits the run. Nothing is written. @throws RunError when it is interrupted, or none does
  LearningRateTest find_learning_rate() const;

  /// Looks over the images, and what is found goes into the page of the run. Nothing is written before the run.
  void check_images();

  std::string data;
  std::string out;
  RecordFiles files;
  bool resume = false;  ///< go on with the run that `out` holds

 private:
  /// @param whole of open_splits(), which can be split
  Splits split_whole(const std::vector<OpenSplit>& whole) const;
  TrainOptions options_of(const Ranks& place) const;
  TrainOptions alone() const { return options_of({}); }
  TrainResult train(const CLI::App& app, bool overwrite, TrainOptions options,
                    const std::shared_ptr<Communicator>& ranks) const;

  TrainFlags flags_;
  double validation_share_ = 0.1;
  mutable Splits splits_;
  std::optional<DataFindings> findings_;
};

}  // namespace assemble::cli
