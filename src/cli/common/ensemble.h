// SPDX-License-Identifier: Apache-2.0
// What commands that give probabilities average them over: several models, and views of every image.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "assemble/eval/ensemble.h"
#include "common/inference.h"

namespace assemble::cli {

struct EnsembleOptions {
  std::vector<std::string> models;
  std::vector<double> weights = {};  ///< one a model; empty: all alike
  TestViews views = TestViews::kOne;

  /// --model, --ensemble-weights, --tta.
  void declare(CLI::App& app);
  /// Whether more than one model's answer to one view counts.
  bool averages() const { return models.size() > 1 || views != TestViews::kOne; }
  /// For titles: the models' file names.
  std::string names() const;
  /// What is averaged, of results: {models: [{file, weight}], views, views_per_image}.
  nlohmann::ordered_json to_json() const;
  /// The same in a sentence.
  std::string to_text() const;

 private:
  /// Of a model, such that all add up to 1.
  double share(size_t model) const;
};

/// Models ready to compute.
struct LoadedEnsemble {
  std::vector<EnsembleMember> members;
  ModelCard card;  ///< the first one's: classes and loss are those of all
  /// Of each model, how it is fed and read where another program wrote it; empty for our own.
  std::vector<std::string> said = {};
};

/// @param inference how they run; its own model is not looked at
/// @param batch,image_size as load_for_inference()'s
/// @throws UsageError for weights that are not as many as the models; InputError when the classes differ
LoadedEnsemble load_ensemble(const EnsembleOptions& options, InferenceOptions inference, int64_t batch,
                             int image_size = 0);

}  // namespace assemble::cli
