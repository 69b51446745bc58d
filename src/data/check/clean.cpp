// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/check.h"
#include "assemble/data/label_file.h"
#include "assemble/data/open_images.h"
#include "derived/copied_files.h"

namespace assemble {
namespace {

constexpr const char* kDuplicates = "duplicates";
constexpr const char* kNearDuplicates = "near_duplicates";

/// The member of a group that stays.
int64_t kept_of(const DuplicateGroup& group, const CheckResult& result) {
  const auto rank = [&](const DuplicateMember& member) {
    const CheckedImage& image = result.images[static_cast<size_t>(member.image)];
    return std::tuple(image.split, int64_t{image.height} * image.width, -member.image);
  };
  return std::ranges::max_element(group.members, {}, rank)->image;
}

/// Path below the folder given, in the bytes it has there; the name of an image that is no file.
std::string raw_path(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckedImage& image) {
  const Dataset& dataset = *splits[image.split].images;
  if (!images_are_files(dataset)) return image.name;
  if (!fs::is_directory(dataset.where())) return fs::path(dataset.where()).filename().string();
  return (fs::path(dataset.where()) / image_name(dataset, image.index)).lexically_relative(root).string();
}

}  // namespace

std::vector<std::string> left_out_kinds() {
  std::vector<std::string> kinds = kImageFaults.names();
  kinds.insert(kinds.begin(), {kDuplicates, kNearDuplicates});
  return kinds;
}

std::vector<LeftOut> left_out(const CheckResult& result, const std::vector<std::string>& kinds) {
  for (const std::string& kind : kinds) (void)find_choice("`leave_out`", kind, left_out_kinds());
  const std::set<std::string> chosen(kinds.begin(), kinds.end());
  std::map<int64_t, std::string> out;
  for (const FaultyImage& faulty : result.faults) {
    const std::string kind = kImageFaults.name(faulty.fault);
    if (chosen.contains(kind)) out.emplace(faulty.image, kind);
  }
  for (const DuplicateGroup& group : result.duplicates) {
    const std::string kind = group.near ? kNearDuplicates : kDuplicates;
    if (!chosen.contains(kind)) continue;
    const int64_t kept = group.conflict ? -1 : kept_of(group, result);
    for (const DuplicateMember& member : group.members) {
      if (member.image != kept) out.emplace(member.image, kind);
    }
  }
  std::vector<LeftOut> list;
  list.reserve(out.size());
  for (auto& [image, kind] : out) list.push_back({image, kind});
  return list;
}

CopiedFiles copy_cleaned(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
                         const std::vector<LeftOut>& without, const fs::path& output) {
  for (const OpenSplit& split : splits) {
    if (dynamic_cast<const LabelledFiles*>(split.images.get()) != nullptr) {
      throw UsageError(one_line(root.string()), "has its classes in a label file, which a copy would not follow",
                       "write a list of the images to leave out, and remove their lines");
    }
    if (split.images->size() == 0 || images_are_files(*split.images)) continue;
    throw UsageError(one_line(root.string()), "holds records or archives, which are not copied in parts",
                     "write a list of the images to leave out, or clean the folder that they were made of");
  }
  check_apart(output, root);
  std::set<int64_t> gone;
  for (const LeftOut& image : without) gone.insert(image.image);
  std::vector<FileToCopy> files;
  for (size_t i = 0; i < result.images.size(); ++i) {
    if (gone.contains(static_cast<int64_t>(i))) continue;
    const std::string path = raw_path(root, splits, result.images[i]);
    files.push_back({root / path, path});
  }
  const std::string name = one_line(root.string());
  return copy_files("copying " + name, files, output,
                    {.record = "cleaned.json",
                     .what = "the record of a cleaned copy",
                     .made_with = "is a copy with",
                     .other_hint = "write into another folder",
                     .damaged_hint = "write into another folder, or remove this one"},
                    {{"data", name}});
}

std::string list_left_out(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
                          const std::vector<LeftOut>& without) {
  std::string list;
  for (const LeftOut& image : without) {
    const std::string path = raw_path(root, splits, result.images[static_cast<size_t>(image.image)]);
    if (path.find('\n') != std::string::npos) {
      throw InputError(one_line(path), "has a line end in its name, and the list has a name a line", "rename the file");
    }
    list += path + '\n';
  }
  return list;
}

}  // namespace assemble
