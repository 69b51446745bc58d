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
#include "common/config.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {

using nlohmann::ordered_json;

namespace {

constexpr auto kReadings = choices<Reading>("as", {{Reading::kStored, "stored"}, {Reading::kClean, "clean"}});

std::string short_hash(const ordered_json& json) {
  const std::string text = json_text(json);
  return content_hash(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size())).substr(0, 16);
}

}  // namespace

void NetworkOptions::declare(CLI::App& app) {
  app.add_option("models", separate,
                 "Model files, or .onnx or .xml files of any program, that are measured each for itself");
  models.declare(app);
  app.get_option("--model")->required(false);
  app.add_option("--batch-size", loader.batch_size, "Images a batch")->transform(at_least(1));
  inference.declare(app);
  app.add_option("--loader-threads", loader.threads, "Threads that read and make images; 0: every core")
      ->transform(thread_count());
  app.add_option("--max-broken", loader.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
  declare_record_files(app, files);
  declare_pairing(app, pairing);
  sharing.declare(app, "Processes that share the measuring, each a part of the images");
}

std::vector<EnsembleOptions> NetworkOptions::measured() const {
  std::vector<EnsembleOptions> measured;
  if (!models.models.empty()) measured.push_back(models);
  if (models.models.empty() && !models.weights.empty()) {
    throw UsageError("`ensemble_weights`", "are of models whose probabilities are averaged", "name these by --model");
  }
  for (const std::string& file : separate) measured.push_back({.models = {file}, .views = models.views});
  if (measured.empty()) {
    throw UsageError("robustness", "needs a model", "give --model FILE, or FILE… to measure several");
  }
  return measured;
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

LoadedNetwork::LoadedNetwork(const EnsembleOptions& models, const NetworkOptions& options)
    : models_(models),
      precision_(precision_name(options.inference.precision)),
      loader_(options.loader),
      pairing_(options.pairing) {
  LoadedEnsemble loaded = load_ensemble(models, options.inference, loader_.batch_size);
  card_ = std::move(loaded.card);
  members_ = std::move(loaded.members);
  said_ = std::move(loaded.said);
  loader_.preprocessing = card_.preprocessing;
  loader_.views = models.views;
}

MeasuredEnsemble LoadedNetwork::measured() const { return {members_, card_.class_names, loader_, pairing_}; }

ordered_json LoadedNetwork::identity() const {
  ordered_json identity{{"content", network_content(models_.models.front())}, {"precision", precision_}};
  const auto add_said = [&](ordered_json& json, size_t model) {
    if (!said_.at(model).empty()) json["options"] = said_[model];
  };
  add_said(identity, 0);
  if (!models_.averages()) return identity;
  identity["averaged"] = ordered_json::array();
  for (size_t m = 0; m < members_.size(); ++m) {
    identity["averaged"].push_back({{"content", network_content(models_.models[m])}, {"weight", members_[m].weight}});
    add_said(identity["averaged"].back(), m);
  }
  identity["views"] = kTestViews.name(models_.views);
  return identity;
}

ordered_json LoadedNetwork::evaluated() const {
  const Preprocessing& seen = card_.preprocessing;
  const bool as_pillow = is_of_pillow(seen.family);
  const std::string filter = seen.bicubic ? "bicubic" : "bilinear";
  return {{"input_size", seen.eval_size},
          {"resize", seen.eval_resize},
          {"interpolation", concat(as_pillow        ? "Pillow "
                                   : seen.antialias ? "antialiased "
                                                    : "plain ",
                                   filter)},
          {"precision", precision_},
          {"views", kTestViews.name(models_.views)},
          {"models", models_.models.size()}};
}

ordered_json LoadedNetwork::averaged() const { return models_.averages() ? models_.to_json() : ordered_json(nullptr); }

std::vector<LoadedNetwork> load_networks(const NetworkOptions& options) {
  std::vector<LoadedNetwork> networks;
  for (const EnsembleOptions& models : options.measured()) networks.emplace_back(models, options);
  return networks;
}

void require_same_work(Exchange& ranks, const CLI::App& app, const std::vector<LoadedNetwork>& networks,
                       const Dataset* dataset) {
  require_same_options(ranks, effective_config(app));
  std::vector<std::pair<std::string, std::string>> facts;
  for (size_t n = 0; n < networks.size(); ++n) {
    facts.emplace_back(concat("model ", n + 1), json_text(networks[n].identity()));
  }
  if (dataset != nullptr) facts.emplace_back("images", std::to_string(dataset->size()));
  require_same(ranks, facts);
}

fs::path state_folder(const fs::path& out, const LoadedNetwork& network, size_t networks) {
  return out.empty() || networks == 1 ? out : out / "models" / short_hash(network.identity());
}

fs::path baseline_folder(const fs::path& out, const ordered_json& making, size_t networks) {
  if (out.empty()) return {};
  return networks == 1 ? out / "baseline" : out / "baselines" / short_hash(making);
}

void LoadedNetwork::check_classes(const Dataset& dataset) const {
  PairingOptions options = pairing_;
  options.all_outputs = true;  // predictions are compared with each other, over all outputs
  const ClassPairing pairing({card_.class_names, name()}, {dataset.class_names(), dataset.where()}, options);
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

ordered_json RunState::results(Exchange& ranks) const {
  return ranks.is_shared() ? ordered_json::parse(ranks.broadcast(json_text(results_))) : results_;
}

void RunState::store(const ordered_json& results) const {
  if (folder_.path().empty()) return;
  folder_.prepare();
  folder_.write({{"settings", settings_}, {"results", results}});
}

bool is_model_file(const std::string& baseline) {
  return baseline.ends_with(".safetensors") || baseline.ends_with(".onnx") || baseline.ends_with(".xml");
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
  const std::vector<ordered_json> results =
      result.contains("models") ? result["models"].get<std::vector<ordered_json>>() : std::vector<ordered_json>{result};
  write_file(out / "report.html", std::string_view(robustness_report(results)));
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
