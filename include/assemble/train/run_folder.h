// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/io/tensorboard_writer.h"

namespace assemble {

/// Figures by name.
using Figures = std::vector<std::pair<std::string, double>>;

/// One row of summary.csv: what is known after an epoch that was evaluated.
struct EpochSummary {
  int64_t epoch = 0;
  int64_t step = 0;
  double learning_rate = 0;
  double train_loss = 0;
  std::vector<std::pair<std::string, double>> validation;  ///< figures by name; "loss" becomes validation_loss
  double images_per_second = 0;                            ///< while training
  double data_wait_share = 0;                              ///< of the training time
  double seconds = 0;  ///< since the run began, evaluation included, over all resumes
  double peak_memory_mib = 0;
};

/// The rows of RUN/summary.csv. @throws InputError naming the line when there is no such file or it is another
std::vector<EpochSummary> read_summary(const fs::path& run);

/// The files a training run leaves: config.toml, environment.json, metrics.jsonl, summary.csv, TensorBoard events, and
/// split.csv where it made the splits.
/// A folder is one process' at a time. One that this created and nothing was written to is removed again.
class RunFolder {
 public:
  /// Creates the folder.
  /// @param resume keep what is there; otherwise a folder that holds a run is refused
  /// @param overwrite take a folder that holds a run, which remove_run() then removes
  /// @throws UsageError when there is a run and both are off, or both are on, or a config.toml that no run wrote would
  ///         be replaced; RunError when the folder cannot be written or another process trains into it
  RunFolder(fs::path folder, bool resume, bool overwrite = false);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const fs::path& path() const { return folder_; }
  fs::path checkpoint() const { return folder_ / "checkpoint.safetensors"; }
  /// Keeps the checkpoint under the name of its step too, beside a number of those before it; older ones go.
  void keep_checkpoint(int64_t step, int count) const;
  /// The newest checkpoint that can be read; checkpoint() where there is none.
  fs::path newest_checkpoint() const;
  /// Which image was of which split, where the run made the splits (assemble/data/label_file.h).
  static fs::path split_file(const fs::path& folder) { return folder / "split.csv"; }
  /// The page that shows what is odd about the images.
  static fs::path data_page(const fs::path& folder) { return folder / "data.html"; }
  fs::path last() const { return folder_ / "last.safetensors"; }
  fs::path best() const { return folder_ / "best.safetensors"; }

  /// Removes the run that `overwrite` found in the folder; other files stay.
  void remove_run() const;
  /// Effective options, as --config reads them.
  void write_config(const std::string& toml) const;
  /// Versions, processor, threads, command and time.
  void write_environment(const std::vector<std::string>& command) const;
  /// Drops what metrics.jsonl, summary.csv and the event files hold after `step`: it will be computed again.
  void rewind(int64_t step) const;
  /// Appends to metrics.jsonl and to the event file. Tags become "kind/name".
  void add_metrics(const std::string& kind, int64_t step, const Figures& metrics);
  /// The event file, which is made with the first use.
  TensorBoardWriter& events();
  /// Appends to summary.csv. One that has other columns, as an earlier version wrote it, is kept as summary.N.csv.
  void add_summary(const EpochSummary& summary);

 private:
  void lock();
  std::vector<fs::path> earlier_checkpoints() const;
  void keep_summary_of_other_columns(const std::string& header) const;

  fs::path folder_;
  bool created_ = false;
  int lock_ = -1;  ///< descriptor of the folder
  std::optional<TensorBoardWriter> events_;
};

}  // namespace assemble
