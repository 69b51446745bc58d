// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/class_pairing.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "class_map.h"

namespace assemble {
namespace {

constexpr const char* kImageNet = "imagenet";
constexpr size_t kShown = 3;

/// "has 1000 classes 'a', 'b', 'c' …"
std::string described(const ClassList& side) {
  const bool all = side.names.size() <= kShown;
  const std::vector<std::string> first(side.names.begin(),
                                       all ? side.names.end() : side.names.begin() + static_cast<int64_t>(kShown));
  return concat("has ", side.names.size(), " classes '", join(first, "', '"), all ? "'" : "' …");
}

Matrix gathered(const Matrix& logits, const std::vector<int64_t>& from) {
  Matrix chosen(logits.rows, static_cast<int64_t>(from.size()));
  for (int64_t row = 0; row < logits.rows; ++row) {
    for (size_t c = 0; c < from.size(); ++c) {
      chosen.row(row)[c] = from[c] < 0 ? kNoLogit : logits.row(row)[static_cast<size_t>(from[c])];
    }
  }
  return chosen;
}

Network gathered(const Network& network, std::vector<int64_t> from) {
  return [network, from = std::move(from)](const Images& images) { return gathered(network(images), from); };
}

/// Where the one class is that means the same as `name`; -1 for none, or several.
int64_t only_place(const std::vector<std::string>& names, const std::string& name) {
  const auto means_it = [&](const std::string& other) { return class_key(other) == class_key(name); };
  const auto found = std::ranges::find_if(names, means_it);
  const bool only = found != names.end() && std::find_if(found + 1, names.end(), means_it) == names.end();
  return only ? found - names.begin() : -1;
}

/// The names that ImageNet's table has for 1,000 or 1,001 outputs.
std::vector<std::string> names_by_table(size_t outputs) {
  return imagenet_synsets(outputs > imagenet_classes().size());
}

}  // namespace

ClassPairing::ClassPairing(ClassList network, ClassList data, const PairingOptions& options)
    : network_(std::move(network)),
      data_(std::move(data)),
      way_out_(options.way_out),
      outputs_(data_.names.size(), -1) {
  if (options.label_offset && !options.class_map.empty()) {
    throw UsageError("`label_offset`", "cannot be given together with a `class_map`", "leave one of them out");
  }
  if (options.label_offset) {
    pair_by_offset(*options.label_offset);
  } else if (options.class_map == kImageNet) {
    if (!pair_by_synsets()) refuse("are not 1,000 or 1,001 outputs and synsets of ImageNet");
  } else if (!options.class_map.empty()) {
    by_ = By::kMap;
    outputs_ = outputs_by_map(options.class_map, network_, data_);
  } else if (network_.names == data_.names) {
    for (size_t label = 0; label < outputs_.size(); ++label) outputs_[label] = static_cast<int64_t>(label);
  } else if (!are_numbers(network_.names) || !pair_by_synsets()) {
    pair_by_names();
  }
  choose_measured(options.all_outputs);
}

void ClassPairing::refuse(const std::string& what, const std::string& hint) const {
  throw InputError(data_.where,
                   concat(described(data_), ", the model ", network_.where, " ", described(network_), ": they ", what),
                   hint.empty() ? way_out_ : hint);
}

void ClassPairing::pair_by_names() {
  by_ = By::kNames;
  // Numbers for names say nothing about the classes.
  if (are_numbers(network_.names) || are_numbers(data_.names)) {
    refuse("cannot meet by names, as one side has numbers for them");
  }
  std::vector<std::string> unknown;
  std::map<int64_t, size_t> taken;
  for (size_t label = 0; label < outputs_.size(); ++label) {
    const std::string& name = data_.names[label];
    const auto output = find_class(network_.names, name, network_.where);
    if (!output) {
      if (!is_background(name)) unknown.push_back(name);
      continue;
    }
    if (const auto [other, is_new] = taken.emplace(*output, label); !is_new) {
      throw InputError(data_.where,
                       concat("classes '", data_.names[other->second], "' and '", name, "' are both '",
                              network_.names[static_cast<size_t>(*output)], "' of the model"),
                       "pair the classes by a `class_map`");
    }
    outputs_[label] = *output;
  }
  if (taken.empty()) refuse("have no class in common");
  if (unknown.empty()) return;
  const std::string near = nearest(unknown.front(), network_.names);
  refuse(concat("differ: the model lacks ", unknown.size(), " of the data set's classes, the first '", unknown.front(),
                "'", near.empty() ? "" : concat(" (the nearest is '", near, "')")));
}

std::optional<std::vector<int64_t>> ClassPairing::outputs_by_table() const {
  const size_t outputs = network_.names.size(), classes = imagenet_classes().size();
  if (outputs != classes && outputs != classes + 1) return std::nullopt;
  std::set<int64_t> taken;
  std::vector<int64_t> found(data_.names.size(), -1);
  for (size_t label = 0; label < found.size(); ++label) {
    if (is_background(data_.names[label])) {
      if (outputs > classes) found[label] = 0;
      continue;
    }
    const auto index = imagenet_index(synset_of(data_.names[label]));
    if (!index || !taken.insert(*index).second) return std::nullopt;
    found[label] = *index + static_cast<int64_t>(outputs - classes);
  }
  if (taken.empty()) return std::nullopt;
  return found;
}

bool ClassPairing::pair_by_synsets() {
  auto found = outputs_by_table();
  if (!found) return false;
  by_ = By::kSynsets;
  outputs_ = std::move(*found);
  return true;
}

void ClassPairing::pair_by_offset(int64_t offset) {
  by_ = By::kOffset;
  offset_ = offset;
  const auto outputs = static_cast<int64_t>(network_.names.size());
  for (size_t label = 0; label < outputs_.size(); ++label) {
    const int64_t output = static_cast<int64_t>(label) + offset;
    if (output >= 0 && output < outputs) outputs_[label] = output;
  }
  for (size_t label = 0; label < outputs_.size(); ++label) {
    const std::string& name = data_.names[label];
    const bool background = label == 0 && (is_background(name) || name == "0");
    if (outputs_[label] >= 0 || background) continue;
    refuse(concat("do not meet by an offset of ", offset, ": class ", label, " has no output"),
           "correct the `label_offset`");
  }
  require_as_named();
}

void ClassPairing::require_as_named() const {
  const bool numbers = are_numbers(network_.names);
  const auto by_table = numbers ? outputs_by_table() : std::nullopt;
  if (numbers && !by_table) return;
  for (size_t label = 0; label < outputs_.size(); ++label) {
    const std::string& name = data_.names[label];
    const int64_t named = by_table ? (*by_table)[label] : only_place(network_.names, name);
    if (outputs_[label] < 0 || named < 0 || named == outputs_[label]) continue;
    refuse(concat("contradict an offset of ", offset_, ": class ", label, ", '", name, "', is output ", named),
           "leave the `label_offset` out");
  }
}

void ClassPairing::choose_measured(bool all_outputs) {
  const size_t outputs = network_.names.size();
  std::vector<int64_t> labels(outputs, -1);
  for (size_t label = 0; label < outputs_.size(); ++label) {
    if (outputs_[label] >= 0) labels[static_cast<size_t>(outputs_[label])] = static_cast<int64_t>(label);
  }
  const auto unpaired = std::count(labels.begin(), labels.end(), -1);
  const bool background =
      unpaired == 1 && labels[0] < 0 && (is_background(network_.names[0]) || are_numbers(network_.names));
  const bool all = all_outputs || unpaired == 0 || background || by_ == By::kOffset;
  columns_.assign(outputs, -1);
  const std::vector<std::string> others =
      by_ == By::kSynsets ? names_by_table(outputs) : network_.names;  // of outputs without a class in the data
  for (size_t output = 0; output < outputs; ++output) {
    if (!all && labels[output] < 0) continue;
    columns_[output] = static_cast<int64_t>(names_.size());
    if (!all) measured_.push_back(static_cast<int64_t>(output));
    const bool by_data = labels[output] >= 0 && by_ != By::kOffset;
    names_.push_back(by_data ? data_.names[static_cast<size_t>(labels[output])] : others[output]);
  }
}

Network ClassPairing::measured(const Network& network) const {
  return partial() ? gathered(network, measured_) : network;
}

Outputs ClassPairing::measured(Outputs outputs) const {
  outputs.classes = static_cast<int64_t>(names_.size());
  return outputs;
}

Network ClassPairing::in_order_of_data(const Network& network) const {
  if (same()) return network;
  require_data_names();
  return gathered(network, outputs_);
}

Matrix ClassPairing::in_order_of_data(Matrix logits) const {
  if (same()) return logits;
  require_data_names();
  return gathered(logits, outputs_);
}

void ClassPairing::require_data_names() const {
  if (data_.names.empty()) throw UsageError("`label_offset`", "the data set's classes must be known to store logits");
}

int64_t ClassPairing::column(int64_t label, const std::string& where) const {
  int64_t output = -1;
  if (by_ == By::kOffset) {
    output = label + offset_;
  } else if (label >= 0 && label < static_cast<int64_t>(outputs_.size())) {
    output = outputs_[static_cast<size_t>(label)];
  }
  if (output < 0 || output >= static_cast<int64_t>(columns_.size())) {
    const std::string what =
        concat("label ", label, " has none of the ", columns_.size(), " outputs of ", network_.where);
    // No image is broken where the offset is wrong.
    if (by_ == By::kOffset) {
      throw UsageError("`label_offset`", concat(offset_, " is wrong for ", where, ": ", what));
    }
    throw InputError(where, what, "correct the `class_map`");
  }
  return columns_[static_cast<size_t>(output)];
}

nlohmann::ordered_json ClassPairing::to_json() const {
  static constexpr const char* kBy[] = {"the same names", "names", "ImageNet's synsets", "label offset", "class map"};
  nlohmann::ordered_json json{{"by", kBy[static_cast<size_t>(by_)]},
                              {"data_classes", data_.names.size()},
                              {"model_outputs", network_.names.size()},
                              {"measured_outputs", names_.size()}};
  if (by_ == By::kOffset) json["label_offset"] = offset_;
  return json;
}

std::string ClassPairing::to_text() const {
  const nlohmann::ordered_json json = to_json();
  const std::string labels = data_.names.empty() ? "the labels" : std::to_string(data_.names.size());
  std::string text = concat("Classes: ", labels, " of the data meet ", network_.names.size(), " outputs by ",
                            json["by"].get<std::string>(), by_ == By::kOffset ? concat(" ", offset_) : "");
  if (partial())
    text += concat("; only the logits of the ", names_.size(), " classes that are there compete (`all_outputs`: all)");
  return text;
}

std::vector<std::string> mapped_names(const fs::path& class_map, const ClassList& network) {
  if (class_map == kImageNet) {
    const size_t outputs = network.names.size(), classes = imagenet_classes().size();
    if (outputs == classes || outputs == classes + 1) return names_by_table(outputs);
    throw InputError(network.where, concat("has ", outputs, " outputs, ImageNet's table is for 1000 or 1001"),
                     "give a `class_map` with the names of its classes");
  }
  std::vector<std::string> names = network.names;
  for (const MappedClass& mapped : read_class_map(class_map, network)) {
    names[static_cast<size_t>(mapped.output)] = mapped.name;
  }
  return names;
}

Sample PairedDataset::read(int64_t index) const {
  Sample sample = dataset_.read(index);
  if (multi_label()) {
    for (int64_t& label : sample.labels) label = pairing_.column(label, sample.name);
  } else {
    sample.label = pairing_.column(sample.label, sample.name);
  }
  sample.logits.clear();
  return sample;
}

int64_t PairedDataset::label(int64_t index) const {
  const int64_t label = dataset_.label(index);
  return label < 0 ? label : pairing_.column(label, dataset_.where());
}

ClassRule rule_of(const PairingOptions& options, bool several) {
  if (options.label_offset) return ClassRule::kNumbered;
  return several ? ClassRule::kSeveral : ClassRule::kOfTraining;
}

}  // namespace assemble
