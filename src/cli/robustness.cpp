// SPDX-License-Identifier: Apache-2.0
#include "robustness.h"

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/eval/report.h"
#include "numbers.h"

namespace assemble::cli {

using nlohmann::ordered_json;

void NetworkOptions::declare(CLI::App& app) {
  app.add_option("--model", inference.model, "Model file, or .onnx file of `assemble export`")->required();
  app.add_option("--batch-size", loader.batch_size, "Images a batch")->transform(at_least(1));
  inference.declare(app);
  app.add_option("--loader-threads", loader.threads, "Threads that read and make images; 0: every core")
      ->transform(thread_count());
  app.add_option("--max-broken", loader.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
}

LoadedNetwork::LoadedNetwork(const fs::path& file, const NetworkOptions& options)
    : file_(file), precision_(options.inference.precision), loader_(options.loader) {
  InferenceOptions inference = options.inference;
  inference.model = file.string();
  const LoadedModel loaded = load_for_inference(inference, loader_.batch_size);
  card_ = loaded.card;
  network_ = loaded.network;
  loader_.preprocessing = card_.preprocessing;
}

MeasuredNetwork LoadedNetwork::measured() const {
  return {network_, outputs_of(card_, file_.string()), card_.class_names, loader_};
}

ordered_json LoadedNetwork::identity() const {
  return {{"file", file_.string()},
          {"bytes", fs::file_size(file_)},
          {"written", fs::last_write_time(file_).time_since_epoch().count()},
          {"precision", precision_}};
}

void LoadedNetwork::check_classes(const Dataset& dataset) const {
  require_classes(card_, file_.string(), dataset, dataset.where());
}

RunState::RunState(const fs::path& out, const ordered_json& settings)
    : path_(out.empty() ? fs::path() : out / "state.json"), settings_(settings) {
  if (path_.empty() || !fs::exists(path_)) return;
  try {
    const auto state = ordered_json::parse(read_file(path_, uint64_t{1} << 26));
    for (const auto& [key, value] : settings_.items()) {
      if (state.at("settings").at(key) == value) continue;
      throw UsageError(
          path_.string(),
          concat("holds a run with ", key, " ", state.at("settings").at(key).dump(), ", not ", value.dump()),
          "choose another --out, or remove the file to start again");
    }
    results_ = state.at("results");
  } catch (const ordered_json::exception& error) {
    throw InputError(path_.string(), concat("is not the state of a run: ", error.what()),
                     "remove it to start the run again");
  }
}

void RunState::store(const ordered_json& results) const {
  if (path_.empty()) return;
  make_directories(path_.parent_path());
  write_file(path_, std::string_view(ordered_json{{"settings", settings_}, {"results", results}}.dump(1) + "\n"));
}

bool is_model_file(const std::string& baseline) {
  return baseline.ends_with(".safetensors") || baseline.ends_with(".onnx");
}

ordered_json read_result(const std::string& path) {
  try {
    return ordered_json::parse(read_file(path, uint64_t{1} << 26));
  } catch (const ordered_json::exception& error) {
    throw InputError(path, concat("is no JSON: ", error.what()), "expected the result.json of a robustness run");
  }
}

void write_run(const fs::path& out, const ordered_json& result) {
  if (out.empty()) return;
  make_directories(out);
  write_file(out / "result.json", std::string_view(result.dump(2) + "\n"));
  write_file(out / "report.html", std::string_view(robustness_report({result})));
}

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::string number_or_dash(const std::optional<double>& value, int decimals) {
  return value ? format_number(*value, decimals) : "-";
}

}  // namespace assemble::cli
