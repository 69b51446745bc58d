// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/stored_logits.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/io/file_kind.h"
#include "assemble/io/safetensors.h"

namespace assemble {
namespace {

constexpr const char* kTensor = "logits";
constexpr const char* kNames = "images";
constexpr const char* kClasses = "classes";

std::optional<float> cell_number(const std::string& cell) {
  std::string_view rest;
  const std::optional<double> number = parse_number(cell, &rest);
  const bool ends = rest.find_first_not_of(" \t") == std::string_view::npos;
  return number && ends ? std::optional(static_cast<float>(*number)) : std::nullopt;
}

std::vector<std::string> names_in(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return {};
  try {
    return nlohmann::json::parse(found->second).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw InputError(concat(file.path().string(), " metadata '", key, "'"), json_problem(error),
                     "expected a JSON array of names");
  }
}

/// The names that a path ends with, the longest first: "a/b.jpg", "b.jpg".
std::vector<std::string> endings(const std::string& path) {
  std::vector<std::string> found{path};
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (path[i] == '/') found.push_back(path.substr(i + 1));
  }
  return found;
}

}  // namespace

StoredLogits StoredLogits::read(const fs::path& file) {
  StoredLogits logits(file.string());
  if (identify_file(file).kind == FileKind::kSafetensors) {
    logits.read_tensors(file);
  } else {
    logits.read_csv(file);
  }
  logits.finish();
  return logits;
}

void StoredLogits::read_csv(const fs::path& file) {
  bool is_first = true;
  for (const TextLine& line : read_lines(file)) {
    const std::string where = concat(where_, ":", line.number);
    const std::vector<std::string> cells = csv_cells(line.text);
    const bool is_header = std::exchange(is_first, false) && cells.size() > 1 && !cell_number(cells[1]);
    const auto count = static_cast<int64_t>(cells.size()) - 1;
    if (logits_.columns == 0) logits_.columns = count;
    if (count < 1 || count != logits_.columns) {
      throw InputError(where, concat("holds ", count, " logits, expected ", std::max<int64_t>(logits_.columns, 1)),
                       "a line is FILE,L0,L1,… with commas between them");
    }
    if (is_header) {
      class_names_.assign(cells.begin() + 1, cells.end());
      continue;
    }
    add_name(cells[0], where);
    for (size_t c = 1; c < cells.size(); ++c) {
      const std::optional<float> value = cell_number(cells[c]);
      if (!value) throw InputError(where, concat("'", cells[c], "' is no number"));
      logits_.values.push_back(*value);
    }
  }
}

void StoredLogits::read_tensors(const fs::path& path) {
  const SafetensorsFile file(path);
  const std::vector<int64_t>& shape = file.entry(kTensor).shape;
  const std::vector<std::string> names = names_in(file, kNames);
  if (shape.size() != 2 || shape[0] != static_cast<int64_t>(names.size())) {
    throw InputError(where_,
                     concat("holds logits ", show_shape(shape), " and ", names.size(),
                            " names, expected [N, classes] and as many names"),
                     "the metadata 'images' is a JSON array of file names");
  }
  class_names_ = names_in(file, kClasses);
  if (!class_names_.empty() && static_cast<int64_t>(class_names_.size()) != shape[1]) {
    throw InputError(where_, concat("names ", class_names_.size(), " classes and holds logits of ", shape[1]));
  }
  for (const std::string& name : names) add_name(name, where_);
  logits_.columns = shape[1];
  logits_.values = file.read_f32(kTensor);
}

void StoredLogits::add_name(const std::string& name, const std::string& where) {
  if (name.empty()) throw InputError(where, "has an empty file name");
  if (first_name_.empty()) first_name_ = name;
  if (rows_.emplace(name, Row{logits_.rows++, ""}).second) return;
  throw InputError(where, concat("names '", name, "' a second time"), "an image has one row");
}

void StoredLogits::finish() {
  if (logits_.rows == 0 || logits_.columns == 0) {
    throw InputError(where_, "holds no logits", "expected lines FILE,L0,L1,… or a tensor 'logits'");
  }
  for (const auto& [name, row] : rows_) {
    if (!all_finite(logits_.row(row.index)))
      throw InputError(where_, concat("the logits of '", name, "' are not finite"));
  }
  if (!class_names_.empty()) return;
  for (int64_t c = 0; c < logits_.columns; ++c) class_names_.push_back(std::to_string(c));
}

std::optional<std::span<const float>> StoredLogits::take(const std::string& name, const std::string& image) {
  for (const std::string& ending : endings(name)) {
    const auto found = rows_.find(ending);
    if (found == rows_.end()) continue;
    Row& row = found->second;
    if (row.image.empty()) row.image = image;
    if (row.image == image) return std::as_const(logits_).row(row.index);
    throw InputError(where_, concat("'", ending, "' is the name of two images: ", row.image, " and ", image),
                     "write names with their folders, CLASS/FILE");
  }
  return std::nullopt;
}

void StoredLogits::pair(const ClassPairing& pairing) {
  logits_ = pairing.in_order_of_data(std::move(logits_));
  class_names_ = pairing.data_names();
}

int64_t StoredLogits::unused() const {
  return std::ranges::count_if(rows_, [](const auto& row) { return row.second.image.empty(); });
}

}  // namespace assemble
