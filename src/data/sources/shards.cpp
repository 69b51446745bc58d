// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/shards.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <tuple>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/manifest.h"
#include "sources/listing.h"
#include "sources/natural_order.h"

namespace assemble {
namespace {

/// A file SET-?????-of-COUNT, whatever stands behind.
struct NumberedFile {
  std::string set;
  std::string name;
  int count;
  std::string ending;
};

std::optional<NumberedFile> numbered(const std::string& name) {
  static const std::regex form("(.+)-[0-9]{5}-of-([0-9]{5})(.*)");
  std::smatch parts;
  if (!std::regex_match(name, parts, form)) return std::nullopt;
  return NumberedFile{parts[1], name, std::stoi(parts[2]), parts[3]};
}

std::vector<std::string> file_names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; entry != end; entry.increment(code)) {
    names.push_back(entry->path().filename().string());
    if (is_debris(names.back())) names.pop_back();
  }
  if (code) throw InputError(directory.string(), "cannot be listed: " + code.message(), "check the path");
  return names;
}

std::vector<NumberedFile> numbered_files(const fs::path& directory) {
  std::vector<NumberedFile> files;
  for (const std::string& name : file_names(directory)) {
    const auto file = numbered(name);
    if (file && file->ending.empty()) files.push_back(*file);
  }
  return files;
}

/// The files of a set of `count` that are there, in order.
std::vector<fs::path> whole_set(const fs::path& directory, const NumberedFile& any, const std::set<std::string>& found,
                                bool allow_missing) {
  std::vector<fs::path> shards;
  std::string missing;
  for (int i = 0; i < any.count; ++i) {
    const std::string name = shard_name(any.set, i, any.count) + any.ending;
    if (found.contains(name)) {
      shards.push_back(directory / name);
    } else if (missing.empty()) {
      missing = (directory / name).string();
    }
  }
  if (missing.empty()) return shards;
  const std::string lack = concat("missing: ", shards.size(), " of ", any.count, " files are there");
  if (!allow_missing || shards.empty()) {
    throw InputError(missing, lack, "copy or build the data set again, or go on without by `allow_missing_shards`");
  }
  log_warning(concat(missing, ": ", lack, "; the others are taken"));
  return shards;
}

}  // namespace

std::string shard_name(const std::string& split, int index, int count) {
  constexpr size_t kDigits = 5;
  return concat(split, "-", zero_padded(static_cast<uint64_t>(index), kDigits), "-of-",
                zero_padded(static_cast<uint64_t>(count), kDigits));
}

std::vector<std::string> record_sets(const fs::path& directory) {
  std::set<std::string> sets;
  for (const NumberedFile& file : numbered_files(directory)) sets.insert(file.set);
  return {sets.begin(), sets.end()};
}

std::vector<fs::path> find_shards(const fs::path& directory, const std::string& split, bool allow_missing) {
  std::set<std::string> found;
  std::set<int> counts;
  for (const NumberedFile& file : numbered_files(directory)) {
    if (file.set != split) continue;
    found.insert(file.name);
    counts.insert(file.count);
  }
  if (found.empty()) return {};
  if (counts.size() > 1) {
    throw InputError(directory.string(),
                     concat("holds ", split, " records of ", counts.size(), " different sets: ", *found.begin(), ", ",
                            *found.rbegin()),
                     "keep one set a folder");
  }
  return whole_set(directory, {split, "", *counts.begin(), ""}, found, allow_missing);
}

bool is_shard_of(const std::string& pattern, const std::string& name) {
  const bool is_beside = name.ends_with(".json") || name.ends_with(".txt");  // dataset.json, classes.txt …
  return !is_beside && fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::vector<fs::path> match_shards(const fs::path& directory, const std::string& pattern, bool allow_missing) {
  std::vector<std::string> names;
  for (const std::string& name : file_names(directory)) {
    if (is_shard_of(pattern, name)) names.push_back(name);
  }
  if (names.empty()) throw InputError((directory / pattern).string(), "no file has such a name", "check the pattern");
  std::sort(names.begin(), names.end(), natural_less);
  std::vector<fs::path> shards;
  std::map<std::tuple<std::string, int, std::string>, std::set<std::string>> sets;
  for (const std::string& name : names) {
    shards.push_back(directory / name);
    if (const auto file = numbered(name)) sets[{file->set, file->count, file->ending}].insert(name);
  }
  for (const auto& [set, found] : sets) {
    whole_set(directory, {std::get<0>(set), "", std::get<1>(set), std::get<2>(set)}, found, allow_missing);
  }
  return shards;
}

void require_no_other_set(const fs::path& directory, const std::string& split, int count) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = shard_name("", 0, count).substr(6);  // "-of-0000N"
    if (name.starts_with(split + "-") && !name.ends_with(ending)) {
      throw UsageError(entry.path().string(), "belongs to another set of records",
                       "remove it or choose another folder");
    }
  }
}

std::vector<std::string> class_names_of(const fs::path& directory) {
  if (const auto manifest = read_manifest(directory)) return manifest->class_names;
  return read_class_names(directory / "classes.txt");
}

std::vector<std::string> read_class_names(const fs::path& file) {
  if (!fs::exists(file)) {
    throw InputError(file.string(), "missing",
                     "write the names of the classes to it, one a line, in order of the labels");
  }
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const std::string& line : read_names(file)) {
    names.push_back(name_text(line));
    if (!seen.insert(names.back()).second) throw InputError(file.string(), "names the class '" + line + "' twice");
  }
  if (names.empty()) throw InputError(file.string(), "holds no class names", "expected one a line");
  return names;
}

}  // namespace assemble
