// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/model_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/deploy/graph_text.h"
#include "assemble/deploy/torch_backend.h"

namespace assemble {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "assemble";
constexpr const char* kFormatVersion = "1";
constexpr const char* kGraph = "graph";
constexpr const char* kCosineScale = "cosine_scale";
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
    throw InputError(concat(where, " metadata '", key, "'"), json_problem(error), "the file is damaged");
  }
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

Array read_weight(const SafetensorsFile& file, const std::string& name) {
  Array weight(file.entry(name).shape, file.read_f32(name));
  if (all_finite(weight.values())) return weight;
  throw InputError(file.path().string(), concat("holds a network that computes nothing:\n  1 not finite: ", name),
                   "its training diverged, or the file is damaged: use an earlier model");
}

std::string nearest_sizes(int64_t size, int64_t multiple) {
  const int64_t below = size / multiple * multiple;
  return below == 0 ? concat(multiple) : concat(below, " or ", below + multiple);
}

/// Of the right shape, without values.
Array outline_of_weight(const SafetensorsFile& file, const std::string& name) {
  return Array(file.entry(name).shape, nullptr, std::make_shared<const int>());
}

/// @param read_weight gives a tensor of the file
Graph stored_graph(const SafetensorsFile& file, int64_t image_size,
                   Array (*read_weight)(const SafetensorsFile& file, const std::string& name)) {
  const fs::path& path = file.path();
  check_format(file);
  if (!file.metadata().contains(kGraph)) {
    throw NeedsTorch(concat(path.string(), " (of an earlier version, without a graph: `assemble convert` adds it)"));
  }
  std::map<std::string, Array> weights;  // each is read once, however often the graph names it
  const auto find = [&](const std::string& name) {
    const auto found = weights.find(name);
    return found != weights.end() ? found->second : weights[name] = read_weight(file, name);
  };
  const StoredGraph stored = graph_from_text(file.metadata().at(kGraph), find, path.string());
  const std::vector<int64_t>& shape = stored.graph.input().shape;
  if (shape[1] == image_size && shape[2] == image_size) return stored.graph;
  if (image_size % stored.size_multiple != 0) {
    throw UsageError(
        concat("image size ", image_size, "x", image_size),
        concat("the network of ", path.string(), " needs sides that are multiples of ", stored.size_multiple),
        concat("the nearest for ", image_size, ": ", nearest_sizes(image_size, stored.size_multiple)));
  }
  if (stored.size_step == 0 || (image_size - shape[1]) % stored.size_step != 0) {
    const std::string others =
        stored.size_step == 0 ? " alone" : concat(" and sizes multiples of ", stored.size_step, " away");
    throw NeedsTorch(
        concat(path.string(), " at image size ", image_size, " (its graph is for ", shape[1], others, ")"));
  }
  return at_size(stored.graph, image_size, image_size);
}

}  // namespace

const std::string& require_metadata(const Metadata& metadata, const std::string& key, const std::string& where,
                                    const std::string& hint) {
  const auto found = metadata.find(key);
  if (found != metadata.end()) return found->second;
  throw InputError(where, concat("has no '", key, "' in its metadata: it is no model file of assemble"), hint);
}

void require_class_names(const ModelCard& card, int64_t outputs, const std::string& where) {
  if (card.classes() == outputs) return;
  throw InputError(concat(where, " metadata 'class_names'"),
                   concat("names ", card.classes(), card.classes() == 1 ? " class" : " classes",
                          ", but the network has ", outputs, outputs == 1 ? " output" : " outputs"),
                   "name each output once, in their order: the file was changed or is damaged");
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
  Metadata metadata{{"arch", card.arch},
                    {"class_names", names_to_json(card.class_names)},
                    {"preprocessing", card.preprocessing.to_json()},
                    {"loss", kLossTypes.name(card.loss)},
                    {"training", json_text(json(card.training))}};
  if (card.cosine_scale > 0) metadata[kCosineScale] = json(card.cosine_scale).dump();
  return metadata;
}

ModelCard card_from_metadata(const Metadata& metadata, const std::string& where, const std::string& hint) {
  const auto value = [&](const char* key) -> const std::string& {
    return require_metadata(metadata, key, where, hint);
  };
  ModelCard card;
  card.arch = value("arch");
  card.class_names = parse_value<std::vector<std::string>>(value("class_names"), "class_names", where);
  for (std::string& name : card.class_names) name = name_text(name);
  card.preprocessing = Preprocessing::from_json(value("preprocessing"), where);
  try {
    card.loss = parse_loss_type(value("loss"));
  } catch (const UsageError&) {
    throw InputError(concat(where, " metadata 'loss'"),
                     concat("'", value("loss"), "' is none of ", join(kLossTypes.names(), ", ")));
  }
  if (is_cosine(card.loss)) {
    card.cosine_scale = parse_value<double>(value(kCosineScale), kCosineScale, where);
    if (!(card.cosine_scale > 0) || !std::isfinite(static_cast<float>(card.cosine_scale))) {
      throw InputError(concat(where, " metadata '", kCosineScale, "'"),
                       concat(value(kCosineScale), " is no scale above 0"), "the file is damaged");
    }
  }
  card.training = parse_value<std::map<std::string, std::string>>(value("training"), "training", where);
  return card;
}

Metadata model_file_format() { return {{"format", kFormat}, {"format_version", kFormatVersion}}; }

ModelCard read_model_card(const SafetensorsFile& file) {
  check_format(file);
  return card_from_metadata(file.metadata(), file.path().string(), kExpected);
}

ModelCard read_model_card(const fs::path& path) { return read_model_card(SafetensorsFile(path)); }

namespace {

Graph stored_or_traced(const SafetensorsFile& file, int64_t image_size,
                       Array (*read_weight)(const SafetensorsFile& file, const std::string& name)) {
  try {
    return stored_graph(file, image_size, read_weight);
  } catch (const NeedsTorch&) {
    if (!has_torch_backend()) throw;
    return torch_backend(file.path().string()).trace_file(file.path(), image_size);
  }
}

Graph graph_of(const SafetensorsFile& file, int64_t image_size,
               Array (*read_weight)(const SafetensorsFile& file, const std::string& name)) {
  Graph graph = stored_or_traced(file, image_size, read_weight);
  require_class_names(read_model_card(file), graph.outputs(), file.path().string());
  return graph;
}

}  // namespace

Graph read_graph(const SafetensorsFile& file, int64_t image_size) { return graph_of(file, image_size, read_weight); }

int64_t read_multiply_adds(const fs::path& path, int64_t image_size) {
  return graph_of(SafetensorsFile(path), image_size, outline_of_weight).multiply_adds();
}

Graph read_graph(const fs::path& path, int64_t image_size) { return read_graph(SafetensorsFile(path), image_size); }

}  // namespace assemble
