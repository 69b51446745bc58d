// SPDX-License-Identifier: Apache-2.0
// The measures of `assemble robustness`, picked by its second word, and what they share.
#pragma once

#include "assemble/core/resumable_folder.h"
#include "assemble/data/dataset.h"
#include "assemble/data/stored_set.h"
#include "assemble/deploy/model_file.h"
#include "assemble/eval/measured_ensemble.h"
#include "common/ensemble.h"
#include "common/sharing.h"
#include "common/subcommand.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_corruption_measure(const Hooks& hooks);
std::unique_ptr<Subcommand> make_perturbation_measure(const Hooks& hooks);
std::unique_ptr<Subcommand> make_shift_measure(const Hooks& hooks);
std::unique_ptr<Subcommand> make_report_measure();

/// Options of every measure that runs a network.
struct NetworkOptions {
  EnsembleOptions models;             ///< of --model: several are one, their probabilities averaged
  std::vector<std::string> separate;  ///< each for itself
  InferenceOptions inference;
  LoaderOptions loader;
  RecordFiles files;
  PairingOptions pairing;
  SharingOptions sharing;

  void declare(CLI::App& app);
  /// What is measured: the models of --model as one, then each of the others.
  /// @throws UsageError when there are none
  std::vector<EnsembleOptions> measured() const;
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

/// A model file ready to be measured, or several whose probabilities are averaged.
class LoadedNetwork {
 public:
  LoadedNetwork(const EnsembleOptions& models, const NetworkOptions& options);
  /// The first model's.
  const ModelCard& card() const { return card_; }
  std::string name() const { return join(models_.models, " + "); }
  MeasuredEnsemble measured() const;
  /// Identifies the weights by the files' contents: a run goes on only with the same ones.
  nlohmann::ordered_json identity() const;
  /// What figures depend on beside the images: {input_size, resize, interpolation, precision, views, models}.
  nlohmann::ordered_json evaluated() const;
  /// What is averaged; null for one view of one model.
  nlohmann::ordered_json averaged() const;
  /// @throws InputError when the data set's classes do not meet the network's
  void check_classes(const Dataset& dataset) const;

 private:
  EnsembleOptions models_;
  ModelCard card_;
  std::vector<EnsembleMember> members_;
  std::vector<std::string> said_;  ///< as LoadedEnsemble has it
  std::string precision_;
  LoaderOptions loader_;
  PairingOptions pairing_;
};

/// All that are measured, in the order of NetworkOptions::measured().
std::vector<LoadedNetwork> load_networks(const NetworkOptions& options);
/// Processes that share the measuring must have the same options, networks and images.
/// @throws UsageError naming the first rank that has others, and what
void require_same_work(Exchange& ranks, const CLI::App& app, const std::vector<LoadedNetwork>& networks,
                       const Dataset* dataset);
/// Where a network's state lies: OUT itself when it is the only one, else a folder in OUT/models that is its own.
/// Nothing without OUT.
fs::path state_folder(const fs::path& out, const LoadedNetwork& network, size_t networks);
/// The same for a baseline that is measured: OUT/baseline beside one network, else a folder in OUT/baselines for each
/// way in which images are made.
fs::path baseline_folder(const fs::path& out, const nlohmann::ordered_json& making, size_t networks);

/// Partial results of a run in OUT/state.json. Without OUT nothing is stored.
class RunState {
 public:
  /// Writes the state at once: a folder that cannot be written is met before the work and not after it.
  /// @param settings what decides the results
  /// @throws UsageError when the folder holds the state of another run, RunError when it cannot be written
  RunState(const fs::path& out, const nlohmann::ordered_json& settings);
  /// Results stored before; null when there are none.
  const nlohmann::ordered_json& results() const { return results_; }
  /// Those that rank 0 has stored before.
  nlohmann::ordered_json results(Exchange& ranks) const;
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

/// Results of several networks as one: {measure, models: [results], …}.
nlohmann::ordered_json several_results(const std::vector<nlohmann::ordered_json>& results);
/// A row a network: the figures named, in the order given, and all that makes them comparable.
std::string comparable_table(const std::vector<nlohmann::ordered_json>& results,
                             const std::vector<std::pair<const char*, const char*>>& figures);

/// How corrupted images were made, for people and for telling results apart.
nlohmann::ordered_json making_of(const CorruptionSource& source);
/// Side of the first image of a stored set; nothing when it cannot be read.
std::optional<int> stored_side(const CorruptionSource& source);

/// Warns of images of a stored set that the network does not take as they are.
void warn_of_resizing(const std::string& data, int stored_side, int input_size);

/// A number, or null where there is none.
nlohmann::ordered_json number_or_null(const std::optional<double>& value);
std::string number_or_dash(const std::optional<double>& value, int decimals);

}  // namespace assemble::cli
