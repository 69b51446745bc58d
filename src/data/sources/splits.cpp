// SPDX-License-Identifier: Apache-2.0
#include "sources/splits.h"

#include <algorithm>
#include <map>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using Path = std::vector<std::string>;
using Look = std::function<Level(const Path&)>;

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

Path joined(Path path, const std::string& name) {
  path.push_back(name);
  return path;
}

std::optional<std::string> choose(SplitName wanted, const std::vector<NamedSplit>& names, const std::string& where) {
  std::vector<std::string> found;
  for (const NamedSplit& named : names) {
    if (named.split == wanted) found.push_back(named.name);
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    throw InputError(where, concat("holds '", found[0], "' and '", found[1], "', which stand for the same split"),
                     "rename or remove one of them");
  }
  return found.front();
}

std::vector<NamedSplit> splits_among(const std::vector<std::string>& folders) {
  std::vector<NamedSplit> splits;
  for (const std::string& folder : folders) {
    if (const auto split = split_called(folder)) splits.push_back({folder, *split});
  }
  return splits;
}

/// "test/train/cat": the split test with a class of that name, or a folder named test around the splits?
void refuse_nested(const Look& look, const Path& base, const NamedSplit& only, const std::string& where) {
  const Path path = joined(base, only.name);
  const std::vector<std::string> below = look(path).folders;
  const bool splits_below = !below.empty() && std::all_of(below.begin(), below.end(), [&](const std::string& folder) {
    const Level level = look(joined(path, folder));
    return split_called(folder) && !level.folders.empty() && !level.images;
  });
  if (!splits_below) return;
  throw InputError(where,
                   concat("'", one_line(only.name), "' can be read as a split with the class '", below.front(),
                          "' and as a folder around the split '", below.front(), "'"),
                   "rename one of them");
}

bool are_splits(const Look& look, const Path& base, const std::vector<NamedSplit>& splits, bool alone, bool labelled) {
  if (splits.empty() || alone) return !splits.empty();
  if (labelled) return splits.size() > 1;
  return std::any_of(splits.begin(), splits.end(),
                     [&](const NamedSplit& split) { return !look(joined(base, split.name)).folders.empty(); });
}

/// Says it when the one folder named like a split could as well be a class among others.
void say_reading(const Look& look, const Path& base, const std::vector<std::string>& folders,
                 const std::vector<NamedSplit>& splits, const std::string& where) {
  if (splits.size() > 1) return;
  for (const std::string& folder : folders) {
    if (split_called(folder) || !look(joined(base, folder)).images) continue;
    log_warning(concat(where, ": '", splits.front().name, "' is taken as a split, not as a class; '", one_line(folder),
                       "' beside it is passed over"));
    return;
  }
}

}  // namespace

bool has_training_classes(const std::optional<Split>& split, ClassRule rule) {
  return split && *split != Split::kTrain && rule != ClassRule::kAny && rule != ClassRule::kOwn;
}

Split split_of(SplitName name) {
  if (name == SplitName::kTrain) return Split::kTrain;
  return name == SplitName::kTest ? Split::kTest : Split::kValidation;
}

std::optional<SplitName> split_called(std::string_view name) {
  static const std::map<std::string, SplitName> kNames{
      {"train", SplitName::kTrain},    {"training", SplitName::kTrain},   {"validation", SplitName::kValidation},
      {"val", SplitName::kValidation}, {"valid", SplitName::kValidation}, {"test", SplitName::kTest},
      {"testing", SplitName::kTest}};
  const auto found = kNames.find(to_lower(name));
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

std::optional<NamedSplit> split_in_file_name(const std::string& file) {
  std::optional<NamedSplit> found;
  for (size_t begin = 0; begin < file.size();) {
    size_t end = begin;
    while (end < file.size() && is_word(file[end])) ++end;
    std::string part = file.substr(begin, end - begin);
    part.erase(part.find_last_not_of("0123456789") + 1);
    if (const auto split = split_called(part)) {
      if (found && found->split != *split) return std::nullopt;
      if (!found) found = NamedSplit{part, *split};
    }
    begin = end + 1;
  }
  return found;
}

std::optional<std::string> choose_split(Split split, const std::vector<NamedSplit>& names, const std::string& where) {
  if (split == Split::kTrain) return choose(SplitName::kTrain, names, where);
  if (split == Split::kTest) return choose(SplitName::kTest, names, where);
  const auto validation = choose(SplitName::kValidation, names, where);
  const bool tests = std::any_of(names.begin(), names.end(), [](const auto& n) { return n.split == SplitName::kTest; });
  if (validation) {
    if (tests) log_info(concat(where, ": '", *validation, "' is taken for validation, the test images are not"));
    return validation;
  }
  const auto test = choose(SplitName::kTest, names, where);
  if (test) log_warning(concat(where, ": holds no validation images; '", *test, "' is taken for validation"));
  return test;
}

std::optional<std::string> choose_any(const std::optional<Split>& split, const std::vector<NamedSplit>& names,
                                      const std::string& where) {
  const auto chosen = choose_split(split.value_or(Split::kValidation), names, where);
  return chosen || split ? chosen : choose_split(Split::kTrain, names, where);
}

SplitFolders find_splits(const Look& look, bool labelled, const std::string& where) {
  Path base;
  for (;;) {
    const Level level = look(base);
    const std::vector<NamedSplit> splits = splits_among(level.folders);
    if (are_splits(look, base, splits, splits.size() == level.folders.size(), labelled)) {
      if (splits.size() == 1) refuse_nested(look, base, splits.front(), where);
      say_reading(look, base, level.folders, splits, where);
      return {base, splits};
    }
    if (level.folders.size() != 1 || level.images || look(joined(base, level.folders.front())).images) {
      return {base, {}};
    }
    base.push_back(level.folders.front());
  }
}

}  // namespace assemble
