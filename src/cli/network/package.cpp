// SPDX-License-Identifier: Apache-2.0
#include "network/package.h"

#include <nlohmann/json.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/io/safetensors.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

constexpr uint64_t kLargestFigures = uint64_t{1} << 28;
constexpr int64_t kHighestVersion = 1'000'000'000;

/// Of a model file: all but the running statistics of batch norms.
int64_t parameters_of(const std::string& model_file) {
  const SafetensorsFile file(model_file);
  int64_t count = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    if (name.ends_with("running_mean") || name.ends_with("running_var")) continue;
    int64_t values = 1;
    for (const int64_t extent : tensor.shape) values *= extent;
    count += values;
  }
  return count;
}

PackagedFigures read_figures(const std::string& file) {
  try {
    const Bytes bytes = read_file(file, kLargestFigures);
    return PackagedFigures::from_json(nlohmann::ordered_json::parse(bytes), file);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(file, concat("is no JSON: ", json_problem(error)), "give what `eval --json` wrote");
  }
}

}  // namespace

void PackageOptions::declare(CLI::App& app) {
  const char* group = "A folder to ship";
  CLI::Option* package =
      app.add_flag(
             "--package", wanted,
             "--out is a new folder: the network, labels, a model card, examples in C and C++, checksums, and what "
             "OpenVINO Model Server and Triton load it by")
          ->group(group);
  app.add_option("--name", name_, "What servers call the model; empty: as the folder is called")
      ->needs(package)
      ->group(group);
  app.add_option("--model-version", version_, "Version that servers know it by, from 1 up")
      ->transform(whole(1, kHighestVersion))
      ->needs(package)
      ->group(group);
  app.add_option("--data-licence", data_licence_, "Licence of the training's images, for the model card")
      ->needs(package)
      ->group(group);
  app.add_option("--figures", figures_, "JSON of `assemble eval --json`, for the model card; in the place of --data")
      ->needs(package)
      ->group(group);
}

void PackageOptions::prepare(const std::string& out, const EvaluationOptions& evaluation) {
  if (!figures_.empty() && !evaluation.data.empty()) {
    throw UsageError("--figures", "cannot be given together with --data, which measures the packed network",
                     "leave one of them out");
  }
  if (fs::path(out).extension() == ".onnx") {
    throw UsageError("--out", concat("'", out, "' is to be a folder"), "leave .onnx out, or leave --package out");
  }
  if (name_.empty()) name_ = package_name(out);
  require_package_name(name_);
  folder_.emplace(out);
}

void PackageOptions::measure(PackagedModel& model, const fs::path& network, EvaluationOptions evaluation) const {
  if (!figures_.empty()) {
    model.figures = read_figures(figures_);
    model.measured_on = fs::path(figures_).filename().string();
  }
  if (evaluation.data.empty()) return;
  evaluation.inference.cache.clear();  // of a file that will be elsewhere
  const auto dataset = evaluation.open();
  const PairedModels paired = load_paired(evaluation, {.models = {network.string()}}, *dataset);
  const ClassificationResult result =
      evaluate_paired(evaluation, *dataset, paired, "evaluating the package", {}).result();
  model.figures = PackagedFigures::from_json(to_json(result, paired.pairing.names()), evaluation.data);
  model.measured_on = concat("the ", kSplits.name(evaluation.split), " images of ",
                             fs::path(evaluation.data).lexically_normal().filename().string());
}

nlohmann::ordered_json PackageOptions::write(PackagedModel model, const std::string& network,
                                             const std::string& model_file, const EvaluationOptions& evaluation) {
  model.name = name_;
  model.version = version_;
  model.source = fs::path(model_file).filename().string();
  model.hash = sha256(model_file);
  model.parameters = parameters_of(model_file);
  model.data_licence = data_licence_;
  place_ = model.place().generic_string();
  const fs::path staged = folder_->staged() / place_;
  make_directories(staged.parent_path());
  write_file(staged, network);
  measure(model, staged, evaluation);
  write_package(folder_->staged(), model);
  folder_->commit();
  nlohmann::ordered_json written{{"name", model.name}, {"version", model.version}, {"model", place_}};
  if (model.figures) written["top1"] = model.figures->top1;
  return written;
}

std::string PackageOptions::summary() const {
  return concat("The network is ", place_,
                ", README.md its model card; examples, labels and the servers' configurations ", "are beside it.\n");
}

}  // namespace assemble::cli
