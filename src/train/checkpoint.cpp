// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/checkpoint.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/models/tensor_file.h"

namespace assemble {
namespace {

constexpr const char* kFormat = "assemble checkpoint 1";
constexpr std::string_view kAnyFormat = "assemble checkpoint ";

void add_prefixed(NamedTensors& all, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) all.emplace_back(prefix + name, tensor);
}

/// Frozen parameters have no momentum, and optimizers have buffers of their own beside it.
void require_state_of(const SafetensorsFile& file, const Optimizer& optimizer) {
  std::set<std::string> stored, expected;
  for (const auto& [name, entry] : file.tensors()) {
    if (!name.starts_with("model.") && !name.starts_with("average.")) stored.insert(name);
  }
  for (const auto& [name, tensor] : optimizer.state()) expected.insert(name);
  if (stored == expected) return;
  const auto has_no_momentum = [](const std::string& name) { return !name.starts_with("momentum."); };
  std::set<std::string> before = stored, trained = expected;
  std::erase_if(before, has_no_momentum);
  std::erase_if(trained, has_no_momentum);
  if (before == trained) {
    throw UsageError("`optimizer.type`", concat("the run in ", file.path().string(), " has another optimizer's state"),
                     "resume with the options the run began with");
  }
  throw UsageError("`freeze`",
                   concat("the run in ", file.path().string(), " trains ", before.size(), " tensors, now ",
                          trained.size(), " are to be trained"),
                   "resume with the options the run began with; to go on otherwise, start a new run with its model as "
                   "`pretrained`");
}

}  // namespace

std::string to_text(const TrainingState& state, const WeightAverage* average) {
  nlohmann::json kept = nlohmann::json::array();
  for (const KeptModel& model : state.kept) kept.push_back({{"file", model.file}, {"score", model.score}});
  const nlohmann::json json{{"step", state.step},
                            {"seconds", state.seconds},
                            {"kept", kept},
                            {"metric", state.metric},
                            {"loader", nlohmann::json::parse(state.loader.to_json())},
                            {"steps_per_epoch", state.steps_per_epoch},
                            {"step_images", state.step_images},
                            {"processes", state.processes},
                            {"seed", state.seed},
                            {"class_names", state.class_names},
                            {"epoch_loss", state.epoch_loss},
                            {"epoch_steps", state.epoch_steps},
                            {"skipped", state.skipped},
                            {"evaluations_since_best", state.evaluations_since_best},
                            {"record", state.record},
                            {"measures", state.measures},
                            {"average_updates", average ? average->updates() : 0}};
  return json_text(json);
}

TrainingState state_from_text(const std::string& text, const std::string& where, WeightAverage* average) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    TrainingState state;
    state.step = json.at("step").get<int64_t>();
    state.seconds = json.at("seconds").get<double>();
    for (const auto& kept : json.at("kept")) state.kept.push_back({kept.at("file"), kept.at("score")});
    state.metric = json.value("metric", state.metric);
    state.steps_per_epoch = json.value("steps_per_epoch", state.steps_per_epoch);
    state.step_images = json.value("step_images", state.step_images);
    state.processes = json.value("processes", state.processes);
    state.seed = json.value("seed", state.seed);
    state.class_names = json.value("class_names", state.class_names);
    state.epoch_loss = json.value("epoch_loss", state.epoch_loss);
    state.epoch_steps = json.value("epoch_steps", state.epoch_steps);
    state.skipped = json.value("skipped", state.skipped);
    state.evaluations_since_best = json.value("evaluations_since_best", state.evaluations_since_best);
    state.record = json.value("record", state.record);
    for (const auto& measure : json.value("measures", nlohmann::json::array())) {
      // JSON has no infinity: it is written as null.
      const double infinity = std::numeric_limits<double>::infinity();
      state.measures.emplace_back(measure.at(0), measure.at(1).is_null() ? infinity : measure.at(1).get<double>());
    }
    if (json.contains("loader")) state.loader = LoaderState::from_json(json["loader"].dump(), where);
    if (average) average->set_updates(json.at("average_updates").get<int64_t>());
    return state;
  } catch (const std::exception& error) {
    throw InputError(where, concat("training state is damaged: ", json_problem(error)));
  }
}

Checkpoint take_checkpoint(const ClassifierImpl& model, const Optimizer& optimizer, const WeightAverage* average,
                           const TrainingState& state) {
  Checkpoint checkpoint;
  add_prefixed(checkpoint.tensors, "model.", model.named_state());
  add_prefixed(checkpoint.tensors, "", optimizer.state());
  if (average) add_prefixed(checkpoint.tensors, "average.", average->state());
  for (auto& [name, tensor] : checkpoint.tensors) tensor = tensor.detach().clone();
  checkpoint.metadata = {{"format", kFormat}, {"arch", model.arch().str()}, {"state", to_text(state, average)}};
  return checkpoint;
}

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  const std::string damaged = not_finite(checkpoint.tensors);
  if (!damaged.empty()) throw RunError(path.string(), "is not written, the training has diverged:" + damaged);
  write_tensors(path, checkpoint.tensors, checkpoint.metadata);
}

void save_checkpoint(const fs::path& path, const ClassifierImpl& model, const Optimizer& optimizer,
                     const WeightAverage* average, const TrainingState& state) {
  write_checkpoint(path, take_checkpoint(model, optimizer, average, state));
}

TrainingState load_checkpoint(const fs::path& path, ClassifierImpl& model, Optimizer& optimizer,
                              WeightAverage* average) {
  const SafetensorsFile file(path);
  const auto& metadata = file.metadata();
  const auto format = metadata.find("format");
  if (format != metadata.end() && format->second != kFormat && format->second.starts_with(kAnyFormat)) {
    throw InputError(
        path.string(),
        concat("was written by a later version: it is '", format->second, "', this one reads '", kFormat, "'"),
        "resume with the version that the run began with");
  }
  if (format == metadata.end() || format->second != kFormat || !metadata.contains("arch")) {
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
  require_state_of(file, optimizer);
  read_tensors_into(file, "model.", model.named_state());
  read_tensors_into(file, "", optimizer.state());
  if (average) read_tensors_into(file, "average.", average->state());
  const auto state = metadata.find("state");
  return state_from_text(state == metadata.end() ? "" : state->second, path.string(), average);
}

}  // namespace assemble
