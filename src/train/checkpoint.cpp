// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/models/tensor_file.h"

namespace assemble {
namespace {

constexpr const char* kFormat = "assemble checkpoint 1";

void add_prefixed(NamedTensors& all, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) all.emplace_back(prefix + name, tensor);
}

nlohmann::json to_json(const TrainingState& state, const WeightAverage* average) {
  nlohmann::json kept = nlohmann::json::array();
  for (const KeptModel& model : state.kept) kept.push_back({{"file", model.file}, {"score", model.score}});
  return {{"step", state.step},
          {"seconds", state.seconds},
          {"kept", kept},
          {"metric", state.metric},
          {"loader", nlohmann::json::parse(state.loader.to_json())},
          {"steps_per_epoch", state.steps_per_epoch},
          {"seed", state.seed},
          {"class_names", state.class_names},
          {"epoch_loss", state.epoch_loss},
          {"epoch_steps", state.epoch_steps},
          {"record", state.record},
          {"measures", state.measures},
          {"average_updates", average ? average->updates() : 0}};
}

std::string model_name(int64_t epoch, const std::string& metric, double score) {
  char number[32];
  std::snprintf(number, sizeof number, "epoch-%04lld-", static_cast<long long>(epoch));
  return concat(number, metric, "-", format_number(score, 4), ".safetensors");
}

}  // namespace

void save_checkpoint(const fs::path& path, const ClassifierImpl& model, const MomentumSgd& optimizer,
                     const WeightAverage* average, const TrainingState& state) {
  NamedTensors tensors;
  add_prefixed(tensors, "model.", model.named_state());
  add_prefixed(tensors, "momentum.", optimizer.state());
  if (average) add_prefixed(tensors, "average.", average->state());
  const std::string damaged = not_finite(tensors);
  if (!damaged.empty()) throw RunError(path.string(), "is not written, the training has diverged:" + damaged);
  write_tensors(path, tensors,
                {{"format", kFormat}, {"arch", model.arch().str()}, {"state", json_text(to_json(state, average))}});
}

TrainingState load_checkpoint(const fs::path& path, ClassifierImpl& model, MomentumSgd& optimizer,
                              WeightAverage* average) {
  const SafetensorsFile file(path);
  const auto& metadata = file.metadata();
  if (!metadata.contains("format") || metadata.at("format") != kFormat || !metadata.contains("arch")) {
    throw InputError(path.string(), "is no checkpoint of a training run",
                     "name a model file with `pretrained` instead");
  }
  if (metadata.at("arch") != model.arch().str()) {
    throw InputError(path.string(), concat("holds ", metadata.at("arch"), ", the run trains ", model.arch().str()),
                     "resume with the options the run began with");
  }
  if (average && !file.tensors().contains("average." + average->state().front().first)) {
    throw UsageError("`average_decay`", concat("the run in ", path.string(), " has no moving average"),
                     "resume with the options the run began with");
  }
  read_tensors_into(file, "model.", model.named_state());
  read_tensors_into(file, "momentum.", optimizer.state());
  if (average) read_tensors_into(file, "average.", average->state());
  try {
    const nlohmann::json json = nlohmann::json::parse(metadata.at("state"));
    TrainingState state;
    state.step = json.at("step").get<int64_t>();
    state.seconds = json.at("seconds").get<double>();
    for (const auto& kept : json.at("kept")) state.kept.push_back({kept.at("file"), kept.at("score")});
    state.metric = json.value("metric", state.metric);
    state.steps_per_epoch = json.value("steps_per_epoch", state.steps_per_epoch);
    state.seed = json.value("seed", state.seed);
    state.class_names = json.value("class_names", state.class_names);
    state.epoch_loss = json.value("epoch_loss", state.epoch_loss);
    state.epoch_steps = json.value("epoch_steps", state.epoch_steps);
    state.record = json.value("record", state.record);
    for (const auto& measure : json.value("measures", nlohmann::json::array())) {
      // JSON has no infinity: it is written as null.
      const double infinity = std::numeric_limits<double>::infinity();
      state.measures.emplace_back(measure.at(0), measure.at(1).is_null() ? infinity : measure.at(1).get<double>());
    }
    if (json.contains("loader")) state.loader = LoaderState::from_json(json["loader"].dump(), path.string());
    if (average) average->set_updates(json.at("average_updates").get<int64_t>());
    return state;
  } catch (const std::exception& error) {
    throw InputError(path.string(), concat("training state is damaged: ", error.what()));
  }
}

BestKeeper::BestKeeper(fs::path folder, int count, bool keep_all, std::vector<KeptModel> kept, std::string metric)
    : folder_(std::move(folder)),
      count_(static_cast<size_t>(count)),
      keep_all_(keep_all),
      kept_(std::move(kept)),
      metric_(std::move(metric)) {
  if (count < 1) throw UsageError("`keep_best`", concat(count, " is less than 1"));
  // The best is best.safetensors, whether or not it has a file of its own.
  const auto second = kept_.begin() + std::min<ptrdiff_t>(1, static_cast<ptrdiff_t>(kept_.size()));
  const auto lost = [&](const KeptModel& model) { return !fs::exists(folder_ / model.file); };
  kept_.erase(std::remove_if(second, kept_.end(), lost), kept_.end());
  if (kept_.size() > count_) kept_.resize(count_);
}

bool BestKeeper::offer(const ClassifierImpl& model, const ModelCard& card, int64_t epoch, double score) {
  if (!std::isfinite(score)) throw RunError(concat("epoch ", epoch), concat("the model's ", metric_, " is ", score));
  const KeptModel candidate{model_name(epoch, metric_, score), score};
  const auto place = std::find_if(kept_.begin(), kept_.end(), [&](const KeptModel& k) { return score > k.score; });
  const bool is_best = place == kept_.begin();
  const bool is_kept = is_best || static_cast<size_t>(place - kept_.begin()) < count_;
  if (is_best) save_model(folder_ / "best.safetensors", model, card);
  // One kept model is best.safetensors itself; more get files of their own.
  if (keep_all_ || (is_kept && count_ > 1)) save_model(folder_ / candidate.file, model, card);
  if (!is_kept) return false;
  kept_.insert(place, candidate);
  if (kept_.size() > count_) {
    std::error_code ignored;
    if (!keep_all_) fs::remove(folder_ / kept_.back().file, ignored);
    kept_.pop_back();
  }
  return is_best;
}

}  // namespace assemble
