// SPDX-License-Identifier: Apache-2.0
#include "robustness/robustness.h"

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/report/report.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {

using nlohmann::ordered_json;

namespace {

constexpr auto kReadings = choices<Reading>("as", {{Reading::kStored, "stored"}, {Reading::kClean, "clean"}});

}  // namespace

void NetworkOptions::declare(CLI::App& app) {
  app.add_option("--model", inference.model, "Model file, or .onnx file of `assemble export`")->required();
  app.add_option("--batch-size", loader.batch_size, "Images a batch")->transform(at_least(1));
  inference.declare(app);
  app.add_option("--loader-threads", loader.threads, "Threads that read and make images; 0: every core")
      ->transform(thread_count());
  app.add_option("--max-broken", loader.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
  declare_record_files(app, files);
  declare_pairing(app, pairing);
}

void DataReading::declare(CLI::App& app) {
  add_choice(app, "--as", as, "auto", kReadings,
             "What --data is: a stored set, clean data, or auto: as its folders say");
}

bool DataReading::is_stored(const std::string& data, Reading reading, const std::string& set) const {
  if (!as && reading == Reading::kUnclear) {
    throw UsageError(data, concat("holds folders of ", set, " and others with images, and may be that or clean data"),
                     "say which with --as stored or --as clean");
  }
  const bool stored = as.value_or(reading) == Reading::kStored;
  log_info(concat(data, ": taken as ", stored ? set : "clean data, changed while measuring"));
  return stored;
}

LoadedNetwork::LoadedNetwork(const fs::path& file, const NetworkOptions& options)
    : file_(file),
      precision_(precision_name(options.inference.precision)),
      loader_(options.loader),
      pairing_(options.pairing) {
  InferenceOptions inference = options.inference;
  inference.model = file.string();
  const LoadedModel loaded = load_for_inference(inference, loader_.batch_size);
  card_ = loaded.card;
  network_ = loaded.network;
  loader_.preprocessing = card_.preprocessing;
}

MeasuredNetwork LoadedNetwork::measured() const {
  return {network_, outputs_of(card_, file_.string()), card_.class_names, loader_, pairing_};
}

ordered_json LoadedNetwork::identity() const { return {{"content", content_hash(file_)}, {"precision", precision_}}; }

void LoadedNetwork::check_classes(const Dataset& dataset) const {
  PairingOptions options = pairing_;
  options.all_outputs = true;  // predictions are compared with each other, over all outputs
  const ClassPairing pairing({card_.class_names, file_.string()}, {dataset.class_names(), dataset.where()}, options);
  if (!pairing.same()) log_info(pairing.to_text());
}

RunState::RunState(const fs::path& out, const ordered_json& settings)
    : folder_(out, {.record = "state.json",
                    .what = "the state of a run",
                    .made_with = "holds a run with",
                    .other_hint = "choose another --out, or remove this one to start again",
                    .damaged_hint = "remove the folder to start the run again",
                    .indent = 1}),
      settings_(ordered_json::parse(json_text(settings))) {
  if (out.empty()) return;
  const ordered_json state = folder_.read();
  if (state.is_null()) {
    folder_.require_new({"result.json", "report.html"});
  } else {
    if (!state.contains("settings") || !state.contains("results")) folder_.fail_damaged("it lacks settings or results");
    folder_.require_same(state["settings"], settings_);
    results_ = state["results"];
  }
  store(results_);
}

void RunState::store(const ordered_json& results) const {
  if (folder_.path().empty()) return;
  folder_.prepare();
  folder_.write({{"settings", settings_}, {"results", results}});
}

bool is_model_file(const std::string& baseline) {
  return baseline.ends_with(".safetensors") || baseline.ends_with(".onnx");
}

ordered_json read_result(const std::string& path) {
  try {
    ordered_json result = ordered_json::parse(read_file(path, uint64_t{1} << 26));
    if (!result.is_object()) {
      throw InputError(path, "holds no results", "expected the result.json of a robustness run");
    }
    return result;
  } catch (const ordered_json::exception& error) {
    throw InputError(path, concat("is no JSON: ", json_problem(error)), "expected the result.json of a robustness run");
  }
}

void write_run(const fs::path& out, const ordered_json& result) {
  if (out.empty()) return;
  make_directories(out);
  write_file(out / "result.json", std::string_view(json_text(result, 2) + "\n"));
  write_file(out / "report.html", std::string_view(robustness_report({result})));
}

void warn_of_resizing(const std::string& data, int stored_side, int input_size) {
  if (stored_side == input_size) return;
  log_warning(concat(data, ": its images have ", stored_side, " pixels, the network takes ", input_size,
                     ": they are resized, and what was done to them is as strong as at ", stored_side,
                     " pixels, not as at ", input_size));
}

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::string number_or_dash(const std::optional<double>& value, int decimals) {
  return value ? format_number(*value, decimals) : "-";
}

}  // namespace assemble::cli
