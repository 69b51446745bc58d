// SPDX-License-Identifier: Apache-2.0
// The measures of `assemble robustness`, picked by its second word, and what they share.
#pragma once

#include "assemble/core/resumable_folder.h"
#include "assemble/data/dataset.h"
#include "assemble/data/stored_set.h"
#include "assemble/deploy/model_file.h"
#include "assemble/eval/corruption_robustness.h"
#include "common/inference.h"
#include "common/subcommand.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_corruption_measure();
std::unique_ptr<Subcommand> make_perturbation_measure();
std::unique_ptr<Subcommand> make_shift_measure();
std::unique_ptr<Subcommand> make_report_measure();

/// Options of every measure that runs a network.
struct NetworkOptions {
  InferenceOptions inference;
  LoaderOptions loader;
  RecordFiles files;
  PairingOptions pairing;

  void declare(CLI::App& app);
};

/// --as: what --data is, where its layout does not tell.
struct DataReading {
  std::optional<Reading> as = {};  ///< nothing: as the layout says

  void declare(CLI::App& app);
  /// Whether --data is a stored set; says in the log what it is taken for.
  /// @param reading what the layout says
  /// @param set     what a stored one is, in words
  /// @throws UsageError when the layout can be read in both ways
  bool is_stored(const std::string& data, Reading reading, const std::string& set) const;
};

/// A model file ready to be measured.
class LoadedNetwork {
 public:
  LoadedNetwork(const fs::path& file, const NetworkOptions& options);
  const ModelCard& card() const { return card_; }
  MeasuredNetwork measured() const;
  /// Identifies the weights by the file's contents: a run goes on only with the same ones.
  nlohmann::ordered_json identity() const;
  /// @throws InputError when the data set's classes do not meet the network's
  void check_classes(const Dataset& dataset) const;

 private:
  fs::path file_;
  ModelCard card_;
  Network network_;
  std::string precision_;
  LoaderOptions loader_;
  PairingOptions pairing_;
};

/// Partial results of a run in OUT/state.json. Without OUT nothing is stored.
class RunState {
 public:
  /// Writes the state at once: a folder that cannot be written is met before the work and not after it.
  /// @param settings what decides the results
  /// @throws UsageError when the folder holds the state of another run, RunError when it cannot be written
  RunState(const fs::path& out, const nlohmann::ordered_json& settings);
  /// Results stored before; null when there are none.
  const nlohmann::ordered_json& results() const { return results_; }
  std::string where() const { return folder_.record().string(); }
  void store(const nlohmann::ordered_json& results) const;

 private:
  ResumableFolder folder_;
  nlohmann::ordered_json settings_;
  nlohmann::ordered_json results_;
};

/// Whether --baseline names a model file and not a result.
bool is_model_file(const std::string& baseline);
/// @throws InputError when it is no JSON object
nlohmann::ordered_json read_result(const std::string& path);
/// Writes OUT/result.json and OUT/report.html; nothing without OUT.
void write_run(const fs::path& out, const nlohmann::ordered_json& result);

/// Warns of images of a stored set that the network does not take as they are.
void warn_of_resizing(const std::string& data, int stored_side, int input_size);

/// A number, or null where there is none.
nlohmann::ordered_json number_or_null(const std::optional<double>& value);
std::string number_or_dash(const std::optional<double>& value, int decimals);

}  // namespace assemble::cli
