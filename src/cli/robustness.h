// SPDX-License-Identifier: Apache-2.0
// The measures of `assemble robustness`, picked by its first word, and what they share.
#pragma once

#include "assemble/cli/command.h"
#include "assemble/data/dataset.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/models/model_file.h"
#include "inference.h"

namespace assemble::cli {

class Measure {
 public:
  struct Result {
    nlohmann::ordered_json json;
    std::string text;
  };

  virtual ~Measure() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  virtual void declare(CLI::App& app) = 0;
  virtual Result run() = 0;
};

std::unique_ptr<Measure> make_corruption_measure();
std::unique_ptr<Measure> make_perturbation_measure();
std::unique_ptr<Measure> make_shift_measure();
std::unique_ptr<Measure> make_report_measure();

/// Options of every measure that runs a network.
struct NetworkOptions {
  InferenceOptions inference;
  LoaderOptions loader;

  void declare(CLI::App& app);
};

/// A model file ready to be measured.
class LoadedNetwork {
 public:
  LoadedNetwork(const fs::path& file, const NetworkOptions& options);
  const ModelCard& card() const { return card_; }
  MeasuredNetwork measured() const;
  /// Identifies the weights: a run goes on only with the same file.
  nlohmann::ordered_json identity() const;
  /// @throws InputError when the data set's classes are not the network's
  void check_classes(const Dataset& dataset) const;

 private:
  fs::path file_;
  ModelCard card_;
  Network network_;
  std::string precision_;
  LoaderOptions loader_;
};

/// Partial results of a run in OUT/state.json. Without OUT nothing is stored.
class RunState {
 public:
  /// @param settings what decides the results
  /// @throws UsageError when the folder holds the state of another run
  RunState(const fs::path& out, const nlohmann::ordered_json& settings);
  /// Results stored before; null when there are none.
  const nlohmann::ordered_json& results() const { return results_; }
  std::string where() const { return path_.string(); }
  void store(const nlohmann::ordered_json& results) const;

 private:
  fs::path path_;
  nlohmann::ordered_json settings_;
  nlohmann::ordered_json results_;
};

/// Whether --baseline names a model file and not a result.
bool is_model_file(const std::string& baseline);
nlohmann::ordered_json read_result(const std::string& path);
/// Writes OUT/result.json and OUT/report.html; nothing without OUT.
void write_run(const fs::path& out, const nlohmann::ordered_json& result);

/// A number, or null where there is none.
nlohmann::ordered_json number_or_null(const std::optional<double>& value);
std::string number_or_dash(const std::optional<double>& value, int decimals);

}  // namespace assemble::cli
