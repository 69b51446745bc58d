// SPDX-License-Identifier: Apache-2.0
#include "split/groups.h"

#include <algorithm>
#include <numeric>
#include <regex>
#include <unordered_map>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/data/check.h"

namespace assemble {
namespace {

class DisjointSets {
 public:
  explicit DisjointSets(size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), size_t{0}); }

  size_t root(size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(size_t a, size_t b) {
    a = root(a);
    b = root(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }
  /// Joins the images of one key.
  template <typename Key>
  void join_same(const std::vector<SplitImage>& images, Key key) {
    std::unordered_map<std::string, size_t> first;
    for (size_t i = 0; i < images.size(); ++i) join(i, first.emplace(key(images[i]), i).first->second);
  }

 private:
  std::vector<size_t> parents_;
};

std::regex parse_pattern(const std::string& pattern) {
  if (pattern.empty()) {
    throw UsageError("`name_pattern`", "is empty, but names are to keep images together",
                     "give a regular expression such as 'patient([0-9]+)'");
  }
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw UsageError("`name_pattern`", concat("'", one_line(pattern), "' is no regular expression: ", error.what()));
  }
}

std::string shared_part(const std::string& path, const std::regex& pattern) {
  const std::string name = fs::path(path).filename().string();
  std::smatch found;
  bool matches = false;
  try {
    matches = std::regex_search(name, found, pattern);
  } catch (const std::regex_error& error) {
    throw InputError(one_line(path), concat("`name_pattern` is too complex for its name: ", error.what()));
  }
  if (!matches) {
    throw InputError(one_line(path), "`name_pattern` is not found in its file name",
                     "let the pattern match every name, or move the file out");
  }
  return found[found.size() > 1 ? 1 : 0].str();
}

}  // namespace

std::vector<size_t> group_images(const fs::path& root, const std::vector<OpenSplit>& splits,
                                 const std::vector<SplitImage>& images, const SplitOptions& options) {
  DisjointSets sets(images.size());
  for (const Together together : options.together) {
    if (together == Together::kFolder) {
      sets.join_same(images, [](const SplitImage& image) { return fs::path(image.path).parent_path().string(); });
    } else if (together == Together::kName) {
      const std::regex pattern = parse_pattern(options.name_pattern);
      sets.join_same(images, [&](const SplitImage& image) { return shared_part(image.path, pattern); });
    } else {
      const CheckResult found = check_dataset(root, splits, {.threads = options.threads});
      for (const DuplicateGroup& group : found.duplicates) {
        for (const DuplicateMember& member : group.members) {
          sets.join(static_cast<size_t>(group.members.front().image), static_cast<size_t>(member.image));
        }
      }
    }
  }
  std::vector<size_t> groups(images.size());
  for (size_t i = 0; i < images.size(); ++i) groups[i] = sets.root(i);
  return groups;
}

}  // namespace assemble
