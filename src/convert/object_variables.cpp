// SPDX-License-Identifier: Apache-2.0
#include "object_variables.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr std::string_view kValue = "/.ATTRIBUTES/VARIABLE_VALUE";
constexpr std::string_view kSlot = "/.OPTIMIZER_SLOT/";
constexpr std::string_view kModel = "model/";

/// The object that a key belongs to: "model/layer_with_weights-3/kernel".
std::string object_of(const std::string& key) {
  return key.ends_with(kValue) ? key.substr(0, key.size() - kValue.size()) : key;
}

bool is_network(const std::string& object, bool has_model) {
  if (object.ends_with("/keep_prob")) return false;
  if (has_model) return object.starts_with(kModel);
  return !object.starts_with("optimizer/") && object != "save_counter";
}

/// The N of "sk_block_N/…", 0 for "sk_block/…"; nothing for other names.
std::optional<int> number_of(const std::string& name, const std::string& layer) {
  if (!name.starts_with(layer)) return {};
  const size_t slash = name.find('/');
  if (slash == layer.size()) return 0;
  if (slash == std::string::npos || name[layer.size()] != '_') return {};
  int number = 0;
  const char* end = name.data() + slash;
  const auto [stop, error] = std::from_chars(name.data() + layer.size() + 1, end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

void number_anew(std::map<std::string, std::string>& keys, const std::string& layer) {
  std::set<int> numbers;
  for (const auto& [name, key] : keys) {
    if (const auto number = number_of(name, layer)) numbers.insert(*number);
  }
  std::map<std::string, std::string> renamed;
  for (const auto& [name, key] : keys) {
    const auto number = number_of(name, layer);
    if (!number) {
      renamed.emplace(name, key);
      continue;
    }
    const auto rank = std::distance(numbers.begin(), numbers.find(*number));
    renamed.emplace(concat(layer, rank == 0 ? "" : concat("_", rank), name.substr(name.find('/'))), key);
  }
  keys = std::move(renamed);
}

}  // namespace

ObjectVariables network_variables(const std::map<std::string, std::string>& names, const std::string& where) {
  ObjectVariables variables;
  std::set<std::string> others;
  size_t slots = 0;
  const bool has_model = std::any_of(names.begin(), names.end(), [](const auto& item) {
    return item.first.starts_with(kModel) && item.first.find(kSlot) == std::string::npos;
  });
  for (const auto& [key, full_name] : names) {
    const std::string object = object_of(key);
    if (key.find(kSlot) != std::string::npos) {
      ++slots;
      continue;
    }
    if (object == "optimizer/iter") {
      variables.keys.emplace("global_step", key);
      continue;
    }
    if (!is_network(object, has_model)) {
      others.insert(object.ends_with("/keep_prob") ? "keep_prob" : object);
      continue;
    }
    if (full_name.empty()) {
      throw InputError(where, concat("its object graph has no name for '", key, "'"),
                       "save the weights again by a Keras that names variables (Keras 2)");
    }
    // Variables keep the number of the operation's output in some versions.
    const std::string name = full_name.ends_with(":0") ? full_name.substr(0, full_name.size() - 2) : full_name;
    if (!variables.keys.emplace(name, key).second) {
      throw InputError(where, concat("its object graph has two variables '", name, "'"),
                       "the checkpoint may hold two networks: save one of them alone");
    }
  }
  for (const char* layer : {"sk_block", "se_block"}) number_anew(variables.keys, layer);
  if (slots > 0) variables.notes.push_back(concat(slots, " optimizer slots were set aside"));
  if (!others.empty()) variables.notes.push_back(concat("set aside: ", join({others.begin(), others.end()}, ", ")));
  return variables;
}

}  // namespace assemble
