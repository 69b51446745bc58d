// SPDX-License-Identifier: Apache-2.0
#include "class_map.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/imagenet_classes.h"

namespace assemble {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 26;
constexpr const char* kForm = "expected CLASS,OUTPUT (or a tab between them) in UTF-8, a line a class";

std::optional<int64_t> whole_number(const std::string& text, size_t below) {
  size_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || rest != end || value >= below) return std::nullopt;
  return static_cast<int64_t>(value);
}

/// A class by its name, or by its number.
int64_t class_of(const std::string& text, const ClassList& side, const std::string& where) {
  const std::optional<int64_t> named = find_class(side.names, text, where);
  const std::optional<int64_t> numbered = whole_number(text, side.names.size());
  if (named && numbered && *named != *numbered) {
    throw InputError(
        where, concat("'", text, "' is the name of class ", *named, " of ", side.where, " and the number of another"),
        "write the class' name");
  }
  if (named) return *named;
  if (numbered) return *numbered;
  const std::string near = nearest(text, side.names);
  throw InputError(where,
                   concat("'", one_line(text), "' is no class of ", side.where, ", which has ", side.names.size(),
                          near.empty() ? "" : "; the nearest is '" + near + "'"),
                   concat("write a name, or a number from 0 to ", side.names.size() - 1));
}

std::pair<std::string, std::string> cells_of(const std::string& line, const std::string& where) {
  const bool tabs = line.find('\t') != std::string::npos;
  const std::vector<std::string> cells = tabs ? split(line, '\t') : csv_cells(line);
  if (cells.size() != 2 || cells[0].empty() || cells[1].empty()) {
    throw InputError(where, concat("has ", cells.size(), " cells, expected 2 that are not empty"), kForm);
  }
  return {name_text(cells[0]), name_text(cells[1])};
}

std::vector<TextLine> lines_in(const fs::path& file) {
  const Bytes bytes = read_file(file, kMaxBytes);
  if (!is_utf8({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    throw InputError(file.string(), "a class map that is not UTF-8", "save it as plain text in UTF-8");
  }
  return lines_of(decode_text(bytes, file.string()));
}

}  // namespace

std::optional<int64_t> find_class(const std::vector<std::string>& names, const std::string& name,
                                  const std::string& where) {
  std::optional<int64_t> equal, alike;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != name && class_key(names[i]) != class_key(name)) continue;
    std::optional<int64_t>& found = names[i] == name ? equal : alike;
    if (found) {
      throw InputError(where, concat("classes ", *found, " and ", i, " are both '", name, "'"),
                       "pair the classes by a `class_map`");
    }
    found = static_cast<int64_t>(i);
  }
  return equal ? equal : alike;
}

bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i)) return false;
  }
  return true;
}

bool is_background(const std::string& name) { return to_lower(name) == "background"; }

std::vector<MappedClass> read_class_map(const fs::path& file, const ClassList& network) {
  std::vector<MappedClass> classes;
  std::set<std::string> names;
  std::set<int64_t> taken;
  for (const TextLine& line : lines_in(file)) {
    const std::string where = concat(file.string(), " line ", line.number);
    const auto [name, output_text] = cells_of(line.text, where);
    if (!names.insert(name).second) throw InputError(where, concat("names the class '", name, "' twice"));
    const int64_t output = class_of(output_text, network, where);
    if (!taken.insert(output).second) throw InputError(where, concat("names the output '", output_text, "' twice"));
    classes.push_back({name, output, where});
  }
  if (classes.empty()) throw InputError(file.string(), "a class map without lines", kForm);
  return classes;
}

std::vector<int64_t> outputs_by_map(const fs::path& file, const ClassList& network, const ClassList& data) {
  std::vector<int64_t> outputs(data.names.size(), -1);
  for (const MappedClass& mapped : read_class_map(file, network)) {
    int64_t& output = outputs[static_cast<size_t>(class_of(mapped.name, data, mapped.where))];
    if (output >= 0) throw InputError(mapped.where, concat("names the class '", mapped.name, "' twice"));
    output = mapped.output;
  }
  for (size_t label = 0; label < outputs.size(); ++label) {
    if (outputs[label] >= 0 || is_background(data.names[label])) continue;
    throw InputError(file.string(), concat("lacks the class '", data.names[label], "' of ", data.where), kForm);
  }
  return outputs;
}

}  // namespace assemble
