// SPDX-License-Identifier: Apache-2.0
#include "common/ensemble.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/eval/flat_answers.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {

void EnsembleOptions::declare(CLI::App& app) {
  app.add_option("--model", models,
                 "Model file, or .onnx or .xml file of any program; given several times, probabilities are averaged")
      ->allow_extra_args(false)
      ->required();
  app.add_option("--ensemble-weights", weights, "Weight of each model in the mean, separated by commas; none: alike")
      ->transform(positive())
      ->delimiter(',')
      ->allow_extra_args(false);
  declare_views(app, views);
}

std::string EnsembleOptions::names() const {
  std::vector<std::string> names;
  for (const fs::path file : models) names.push_back(file.filename().string());
  return join(names, " + ");
}

double EnsembleOptions::share(size_t model) const {
  if (weights.empty()) return 1.0 / static_cast<double>(models.size());
  return weights.at(model) / std::accumulate(weights.begin(), weights.end(), 0.0);
}

nlohmann::ordered_json EnsembleOptions::to_json() const {
  nlohmann::ordered_json json;
  for (size_t m = 0; m < models.size(); ++m) json["models"].push_back({{"file", models[m]}, {"weight", share(m)}});
  json["views"] = kTestViews.name(views);
  json["views_per_image"] = view_count(views);
  return json;
}

std::string EnsembleOptions::to_text() const {
  const std::string of_views = concat(view_count(views), " views of every image (", kTestViews.name(views), ")");
  if (models.size() == 1) return concat("Probabilities are means over ", of_views, ".");
  std::vector<std::string> parts;
  for (size_t m = 0; m < models.size(); ++m) parts.push_back(concat(models[m], " (", format_number(share(m), 3), ")"));
  return concat("Probabilities are means of ", models.size(), " models by these weights: ", join(parts, ", "),
                views == TestViews::kOne ? "" : concat("; each over ", of_views), ".");
}

LoadedEnsemble load_ensemble(const EnsembleOptions& options, InferenceOptions inference, int64_t batch,
                             int image_size) {
  const std::vector<std::string>& files = options.models;
  if (!options.weights.empty() && options.weights.size() != files.size()) {
    throw UsageError("`ensemble_weights`", concat(options.weights.size(), " weights for ", files.size(), " models"),
                     "give one for each");
  }
  LoadedEnsemble ensemble;
  for (size_t m = 0; m < files.size(); ++m) {
    inference.model = files[m];
    LoadedModel loaded = load_for_inference(inference, batch, image_size);
    const auto said = loaded.card.training.find(kForeignKey);
    const bool foreign = said != loaded.card.training.end();
    ensemble.said.push_back(foreign ? said->second : "");
    if (foreign) loaded.network = watched(std::move(loaded.network), files[m]);
    EnsembleMember member{std::move(loaded.network), outputs_of(loaded.card, files[m]),
                          at_size(loaded.card.preprocessing, image_size),
                          options.weights.empty() ? 1 : options.weights[m]};
    if (m == 0) {
      ensemble.card = std::move(loaded.card);
    } else {
      require_same_classes({ensemble.card.class_names, files[0]}, {loaded.card.class_names, files[m]});
      require_same_probabilities(ensemble.members[0].outputs, member.outputs);
    }
    ensemble.members.push_back(std::move(member));
  }
  return ensemble;
}

}  // namespace assemble::cli
