// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/shards.h"

#include <algorithm>
#include <regex>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/manifest.h"
#include "sources/listing.h"

namespace assemble {
namespace {

/// A file SET-?????-of-COUNT.
struct NumberedFile {
  std::string set;
  std::string name;
  int count;
};

std::vector<NumberedFile> numbered_files(const fs::path& directory) {
  static const std::regex form("(.+)-[0-9]{5}-of-([0-9]{5})");
  std::vector<NumberedFile> files;
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    std::smatch parts;
    if (is_debris(name) || !std::regex_match(name, parts, form)) continue;
    files.push_back({parts[1], name, std::stoi(parts[2])});
  }
  if (code) throw InputError(directory.string(), "cannot be listed: " + code.message(), "check the path");
  return files;
}

}  // namespace

std::string shard_name(const std::string& split, int index, int count) {
  constexpr size_t kDigits = 5;
  return concat(split, "-", zero_padded(static_cast<uint64_t>(index), kDigits), "-of-",
                zero_padded(static_cast<uint64_t>(count), kDigits));
}

std::vector<std::string> record_sets(const fs::path& directory) {
  std::set<std::string> sets;
  for (const auto& [set, name, count] : numbered_files(directory)) sets.insert(set);
  return {sets.begin(), sets.end()};
}

std::vector<fs::path> find_shards(const fs::path& directory, const std::string& split) {
  std::set<std::string> found;
  std::set<int> counts;
  for (const auto& [set, name, count] : numbered_files(directory)) {
    if (set != split) continue;
    found.insert(name);
    counts.insert(count);
  }
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
