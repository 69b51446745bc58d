// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/model_file.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/models/tensor_file.h"
#include "defects.h"

namespace assemble {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "assemble";
constexpr const char* kFormatVersion = "1";
constexpr const char* kInitialStatistics = "initial_statistics";

constexpr const char* kExpected =
    "give a file that `assemble train` wrote, or import foreign weights with `assemble convert`";

const std::string& require(const SafetensorsFile& file, const std::string& key) {
  return require_metadata(file.metadata(), key, file.path().string(), kExpected);
}

void check_format(const SafetensorsFile& file) {
  const std::string& format = require(file, "format");
  if (format != kFormat) {
    throw InputError(file.path().string(), concat("its format is '", format, "', expected '", kFormat, "'"), kExpected);
  }
  const std::string& version = require(file, "format_version");
  if (version != kFormatVersion) {
    throw InputError(file.path().string(),
                     concat("its format version is '", version, "', this program reads '", kFormatVersion, "'"),
                     "use the version of assemble that wrote it");
  }
}

template <typename Value>
Value parse_value(const std::string& text, const std::string& key, const std::string& where) {
  try {
    return json::parse(text).get<Value>();
  } catch (const json::exception& error) {
    throw InputError(concat(where, " metadata '", key, "'"), error.what(), "the file is damaged");
  }
}

Arch read_arch(const std::string& text, const std::string& where) {
  try {
    return Arch::parse(text);
  } catch (const UsageError& error) {
    throw InputError(where, error.what(), "was it written by a newer version?");
  }
}

ModelCard read_card(const SafetensorsFile& file) {
  check_format(file);
  return card_from_metadata(file.metadata(), file.path().string(), kExpected);
}

/// Checks what can be checked before a network is built, so that a damaged file cannot ask for a huge one.
void check_outline(const SafetensorsFile& file, const ModelCard& card) {
  const auto expect = [&](const std::string& name, int64_t rows, const std::string& meaning) {
    const TensorEntry& entry = file.entry(name);
    if (!entry.shape.empty() && entry.shape[0] == rows) return;
    throw InputError(
        concat(file.path().string(), " tensor '", name, "'"),
        concat("has the shape ", torch::IntArrayRef(entry.shape), ", expected ", rows, " rows (", meaning, ")"));
  };
  expect("fc.weight", card.classes(), "one a class name");
  expect("bn1.weight", card.arch.width, concat("the width of ", card.arch.str()));
  if (card.arch.embedding > 0) expect("embedding_bn.weight", card.arch.embedding, "the embedding");
}

std::string defects(const SafetensorsFile& file, const NamedTensors& state) {
  Defects missing("missing"), unexpected("unexpected"), misshaped("mis-shaped");
  std::map<std::string, torch::Tensor> known(state.begin(), state.end());
  for (const auto& [name, tensor] : state) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      missing.add(name);
    } else if (found->second.shape != tensor.sizes().vec() || found->second.type != DataType::kF32) {
      misshaped.add(concat(name, " (", data_type_name(found->second.type), " ", torch::IntArrayRef(found->second.shape),
                           ", expected F32 ", tensor.sizes(), ")"));
    }
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (!known.count(name)) unexpected.add(name);
  }
  return missing.text() + unexpected.text() + misshaped.text();
}

void load_weights(const SafetensorsFile& file, const NamedTensors& all, const NamedTensors& wanted,
                  const std::string& arch) {
  const std::string wrong = defects(file, all);
  if (!wrong.empty()) {
    throw InputError(file.path().string(), concat("its tensors are not those of ", arch, ":", wrong),
                     "the file was written by another version or is damaged");
  }
  read_tensors_into(file, "", wanted);
  const std::string damaged = not_finite(wanted);
  if (damaged.empty()) return;
  throw InputError(file.path().string(), "holds a network that computes nothing:" + damaged,
                   "its training diverged, or the file is damaged: use an earlier model");
}

/// JSON text of names. @throws InputError for one that is not UTF-8
std::string names_to_json(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (is_utf8(names[i])) continue;
    throw InputError(concat("class ", i), concat("its name '", names[i], "' is not UTF-8"),
                     "rename its folder, or write the list of names as UTF-8");
  }
  return json(names).dump();
}

int64_t flatten_size(const SafetensorsFile& file, const Arch& arch) {
  if (arch.pool != PoolType::kFlatten) return ClassifierOptions().image_size;
  const auto size = parse_value<int64_t>(require(file, "image_size"), "image_size", file.path().string());
  if (size >= 1 && size <= 65536) return size;
  throw InputError(concat(file.path().string(), " metadata 'image_size'"), concat(size, " is not in 1 … 65536"));
}

}  // namespace

const std::string& require_metadata(const Metadata& metadata, const std::string& key, const std::string& where,
                                    const std::string& hint) {
  const auto found = metadata.find(key);
  if (found != metadata.end()) return found->second;
  throw InputError(where, concat("has no '", key, "' in its metadata: it is no model file of assemble"), hint);
}

double initial_statistics(const ModelCard& card) {
  const auto noted = card.training.find(kInitialStatistics);
  double share = 0;
  if (noted != card.training.end()) {
    std::from_chars(noted->second.data(), noted->second.data() + noted->second.size(), share);
  }
  return share >= 0 && share < 1 ? share : 0;
}

void note_initial_statistics(ModelCard& card, double share) {
  card.training.erase(kInitialStatistics);
  if (share >= 1e-6) card.training[kInitialStatistics] = format_number(share, 6);
}

Metadata to_metadata(const ModelCard& card) {
  return {{"arch", card.arch.str()},
          {"class_names", names_to_json(card.class_names)},
          {"preprocessing", card.preprocessing.to_json()},
          {"loss", card.loss},
          {"training", json_text(json(card.training))}};
}

ModelCard card_from_metadata(const Metadata& metadata, const std::string& where, const std::string& hint) {
  const auto value = [&](const char* key) -> const std::string& {
    return require_metadata(metadata, key, where, hint);
  };
  ModelCard card;
  card.arch = read_arch(value("arch"), where);
  card.class_names = parse_value<std::vector<std::string>>(value("class_names"), "class_names", where);
  for (std::string& name : card.class_names) name = name_text(name);
  card.preprocessing = Preprocessing::from_json(value("preprocessing"), where);
  card.loss = value("loss");
  if (card.loss != "softmax" && card.loss != "sigmoid") {
    throw InputError(concat(where, " metadata 'loss'"), concat("'", card.loss, "' is neither softmax nor sigmoid"));
  }
  card.training = parse_value<std::map<std::string, std::string>>(value("training"), "training", where);
  return card;
}

void save_model(const fs::path& path, const ClassifierImpl& model, const ModelCard& card) {
  if (card.classes() != model.options().classes) {
    throw UsageError("class names", concat("there are ", card.classes(), ", but the network has ",
                                           model.options().classes, " outputs"));
  }
  const NamedTensors state = model.named_state();
  const std::string damaged = not_finite(state);
  if (!damaged.empty()) throw RunError(path.string(), "is not written, the network computes nothing:" + damaged);
  Metadata metadata = to_metadata(card);
  metadata.insert({{"format", kFormat}, {"format_version", kFormatVersion}});
  metadata["arch"] = model.arch().str();
  if (model.arch().pool == PoolType::kFlatten) metadata["image_size"] = json(model.options().image_size).dump();
  write_tensors(path, state, metadata);
}

ModelCard read_model_card(const fs::path& path) { return read_card(SafetensorsFile(path)); }

Classifier load_model(const fs::path& path, ModelCard* card) {
  const SafetensorsFile file(path);
  const ModelCard read = read_card(file);
  check_outline(file, read);
  Classifier model = make_empty_classifier(
      read.arch,
      {.classes = read.classes(), .sigmoid_loss = read.loss == "sigmoid", .image_size = flatten_size(file, read.arch)});
  const NamedTensors state = model->named_state();
  load_weights(file, state, state, read.arch.str());
  model->eval();
  if (card) *card = read;
  return model;
}

void require_classes(const ModelCard& card, const std::string& model, const Dataset& dataset,
                     const std::string& where) {
  if (dataset.class_names() == card.class_names) return;
  if (dataset.classes() != card.classes()) {
    throw InputError(where, concat("has ", dataset.classes(), " classes, the model ", model, " has ", card.classes()),
                     "measure on the data set it was trained on, or fine-tune it with train --pretrained");
  }
  for (size_t c = 0; c < card.class_names.size(); ++c) {
    if (dataset.class_names()[c] == card.class_names[c]) continue;
    throw InputError(
        where, concat("class ", c, " is '", dataset.class_names()[c], "', in the model '", card.class_names[c], "'"),
        "name the class folders as the model does");
  }
}

std::vector<std::string> load_backbone(const fs::path& path, ClassifierImpl& model) {
  const SafetensorsFile file(path);
  const ModelCard card = read_card(file);
  if (card.arch != model.arch()) {
    throw InputError(path.string(),
                     concat("holds the network ", card.arch.str(), ", but ", model.arch().str(), " is to be trained"),
                     concat("use --arch '", card.arch.str(), "' or another file"));
  }
  check_outline(file, card);
  NamedTensors wanted, expected;
  std::vector<std::string> kept;
  for (const auto& [name, tensor] : model.named_state()) {
    if (ClassifierImpl::is_classifier_parameter(name)) {
      kept.push_back(name);
      expected.emplace_back(name, torch::empty(file.entry(name).shape, torch::kMeta));  // any class count
    } else {
      wanted.emplace_back(name, tensor);
      expected.emplace_back(name, tensor);
    }
  }
  load_weights(file, expected, wanted, card.arch.str());
  return kept;
}

}  // namespace assemble
