// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/shards.h"

#include <algorithm>
#include <cstdio>
#include <regex>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/manifest.h"

namespace assemble {

std::string shard_name(const std::string& split, int index, int count) {
  char numbers[32];
  std::snprintf(numbers, sizeof(numbers), "-%05d-of-%05d", index, count);
  return split + numbers;
}

std::vector<fs::path> find_shards(const fs::path& directory, const std::string& split) {
  const std::regex form(split + "-[0-9]{5}-of-([0-9]{5})");
  std::set<std::string> found;
  std::set<int> counts;
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    std::smatch parts;
    if (!std::regex_match(name, parts, form)) continue;
    found.insert(name);
    counts.insert(std::stoi(parts[1]));
  }
  if (code) throw InputError(directory.string(), "cannot be listed: " + code.message(), "check the path");
  if (found.empty()) return {};
  if (counts.size() > 1) {
    throw InputError(directory.string(),
                     concat("holds ", split, " records of ", counts.size(), " different sets: ", *found.begin(), ", ",
                            *found.rbegin()),
                     "keep one set a folder");
  }
  std::vector<fs::path> shards;
  for (int i = 0; i < *counts.begin(); ++i) {
    const std::string name = shard_name(split, i, *counts.begin());
    if (!found.contains(name)) {
      throw InputError((directory / name).string(),
                       concat("missing: ", found.size(), " of ", *counts.begin(), " files are there"),
                       "copy or build the data set again");
    }
    shards.push_back(directory / name);
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
  const Bytes bytes = read_file(file, uint64_t{1} << 26);
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::string& line : split(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (!seen.insert(line).second) throw InputError(file.string(), "names the class '" + line + "' twice");
    names.push_back(std::move(line));
  }
  if (names.empty()) throw InputError(file.string(), "holds no class names", "expected one a line");
  return names;
}

}  // namespace assemble
