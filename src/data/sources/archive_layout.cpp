// SPDX-License-Identifier: Apache-2.0
#include "sources/archive_layout.h"

#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "sources/listing.h"

namespace assemble {
namespace {

constexpr const char* kExpected =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, valid, test) in it, or a folder of tar files with "
    "train and val in their names";

/// Every folder of an archive with what lies in it.
class FolderTree {
 public:
  void add(const std::string& image) {
    std::vector<std::string> path = path_parts(image);
    if (path.empty()) return;
    path.pop_back();
    if (path == last_) return;  // images of a folder mostly follow each other
    last_ = path;
    with_images_.insert(path);
    while (!path.empty()) {
      const std::string name = path.back();
      path.pop_back();
      if (!folders_[path].insert(name).second) return;
    }
  }

  Level at(const std::vector<std::string>& path) const {
    Level result;
    result.images = with_images_.contains(path);
    const auto folders = folders_.find(path);
    if (folders != folders_.end()) result.folders.assign(folders->second.begin(), folders->second.end());
    return result;
  }

 private:
  using Path = std::vector<std::string>;
  Path last_{""};  // no folder's
  std::set<Path> with_images_;
  std::map<Path, std::set<std::string>> folders_;
};

}  // namespace

ArchiveLayout::ArchiveLayout(const std::vector<std::string>& images, bool labelled, const std::string& where) {
  FolderTree tree;
  for (const std::string& image : images) tree.add(image);
  found_ = find_splits([&](const std::vector<std::string>& path) { return tree.at(path); }, labelled, where);
}

std::optional<std::string> ArchiveLayout::training(const std::string& where) const {
  return choose_split(Split::kTrain, found_.splits, where);
}

std::string ArchiveLayout::choose(const ArchivePart& part, const std::string& where) const {
  if (found_.splits.empty()) {
    if (part.named || !part.split || part.split == Split::kValidation) return "";
    const bool trains = part.split == Split::kTrain;
    throw NoSuchSplit(
        where,
        trains ? "holds no training split: all of it would be trained on and validated with" : "holds no test split",
        kExpected);
  }
  if (part.named && found_.splits.size() > 1) {
    throw InputError(where,
                     concat("is one split's by its name, but holds the folders '", found_.splits[0].name, "' and '",
                            found_.splits[1].name, "'"),
                     "rename the file");
  }
  const auto chosen = choose_split(part.split.value_or(Split::kValidation), found_.splits, where);
  if (chosen) return *chosen;
  if (!part.split) return training(where).value_or("");
  throw NoSuchSplit(where,
                    concat("holds no ", part.split == Split::kTrain ? "training" : split_name(*part.split), " split"),
                    kExpected);
}

std::optional<std::string> ArchiveLayout::class_of(const std::string& path, const std::string& split) const {
  const std::vector<std::string> parts = path_parts(path);
  std::vector<std::string> start = found_.base;
  if (!split.empty()) start.push_back(split);
  const bool within = parts.size() > start.size() && std::equal(start.begin(), start.end(), parts.begin());
  if (!within) return std::nullopt;
  return parts.size() > start.size() + 1 ? parts[start.size()] : "";
}

}  // namespace assemble
