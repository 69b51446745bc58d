// SPDX-License-Identifier: Apache-2.0
#include "builders/raw_files.h"

#include <charconv>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"

namespace assemble::raw {
namespace {

constexpr const char* kRawHint = "`raw` is the folder with the files as they were published and unpacked";

}  // namespace

std::vector<std::string> Line::words(size_t least) const {
  std::vector<std::string> words;
  for (size_t begin = 0; (begin = text.find_first_not_of(" \t", begin)) != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  if (words.size() < least) {
    throw InputError(where, concat("has ", words.size(), " words, expected at least ", least, ": '", text, "'"));
  }
  return words;
}

int64_t Line::integer(const std::string& word, int64_t low, int64_t high) const {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc() || end != word.data() + word.size() || value < low || value > high) {
    throw InputError(where, concat("'", word, "', expected an integer in ", low, "…", high));
  }
  return value;
}

std::vector<Line> read_lines(const fs::path& file) {
  if (!fs::exists(file)) throw InputError(file.string(), "missing", kRawHint);
  std::vector<Line> lines;
  for (TextLine& line : assemble::read_lines(file)) {
    if (!line.text.empty()) lines.push_back({std::move(line.text), concat(file.string(), " line ", line.number)});
  }
  if (lines.empty()) throw InputError(file.string(), "is empty", kRawHint);
  return lines;
}

fs::path find_one(const fs::path& raw, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (fs::exists(raw / name)) return raw / name;
  }
  throw InputError(raw.string(), "holds no " + join(names, " nor "), kRawHint);
}

fs::path inside(const fs::path& folder, const std::string& name, const std::string& where) {
  const fs::path path(name);
  bool leaves = path.is_absolute() || name.empty();
  for (const fs::path& part : path) leaves = leaves || part == "..";
  if (leaves) throw InputError(where, "'" + name + "' is no path inside " + folder.string());
  return folder / path;
}

std::map<std::string, int64_t> labels_of(const std::vector<std::string>& names, const std::string& where) {
  std::map<std::string, int64_t> labels;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!labels.emplace(names[i], static_cast<int64_t>(i)).second) {
      throw InputError(where, "names the class '" + names[i] + "' twice");
    }
  }
  return labels;
}

int64_t label_of(const std::map<std::string, int64_t>& labels, const std::string& name, const std::string& where) {
  const auto found = labels.find(name);
  if (found == labels.end()) throw InputError(where, "'" + name + "' is none of the classes");
  return found->second;
}

}  // namespace assemble::raw
