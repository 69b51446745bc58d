// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "assemble/core/checksum.h"
#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/check.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/label_file.h"
#include "assemble/data/open_images.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

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

class Copier {
 public:
  Copier(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
         const std::vector<LeftOut>& without, const fs::path& output)
      : root_(root), output_(output), folder_(output, kind()) {
    std::set<int64_t> gone;
    for (const LeftOut& image : without) gone.insert(image.image);
    for (size_t i = 0; i < result.images.size(); ++i) {
      if (!gone.contains(static_cast<int64_t>(i))) paths_.push_back(raw_path(root, splits, result.images[i]));
    }
    std::string all;
    for (const std::string& path : paths_) all += path + '\n';
    settings_ = {{"images", paths_.size()},
                 {"paths", content_hash({reinterpret_cast<const uint8_t*>(all.data()), all.size()})},
                 {"data", one_line(root.string())}};
  }

  CleanedCopy run() {
    std::set<std::string> parts;
    for (const std::string& path : paths_) parts.insert(fs::path(path).begin()->string());
    folder_.require_own(settings_, {parts.begin(), parts.end()});
    folder_.prepare();
    write_record(/*complete=*/false);
    make_folders();
    CleanedCopy done;
    std::mutex mutex;
    Progress progress("copying " + one_line(root_.string()), static_cast<int64_t>(paths_.size()), "images");
    ThreadPool(available_cores()).parallel_for(static_cast<int64_t>(paths_.size()), [&](int64_t i) {
      const bool is_new = copy(paths_[static_cast<size_t>(i)]);
      const std::lock_guard lock(mutex);
      ++(is_new ? done.copied : done.kept);
      progress.advance(1);
    });
    write_record(/*complete=*/true);
    return done;
  }

 private:
  static ResumableFolder::Kind kind() {
    return {.record = "cleaned.json",
            .what = "the record of a cleaned copy",
            .made_with = "is a copy with",
            .other_hint = "write into another folder",
            .damaged_hint = "write into another folder, or remove this one"};
  }

  void write_record(bool complete) const {
    ordered_json record{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}};
    record.update(settings_);
    record["complete"] = complete;
    folder_.write(record);
  }

  void make_folders() const {
    std::set<fs::path> folders;
    for (const std::string& path : paths_) folders.insert((output_ / path).parent_path());
    for (const fs::path& folder : folders) {
      make_directories(folder);
      remove_stale_temporaries(folder);
    }
  }

  /// @return whether it was not there yet
  bool copy(const std::string& path) const {
    std::error_code code;
    const auto size = fs::file_size(root_ / path, code);
    if (!code && fs::file_size(output_ / path, code) == size && !code) return false;
    AtomicFile file(output_ / path);
    file.write(read_file(root_ / path));
    file.commit(/*flush=*/false);
    return true;
  }

  fs::path root_, output_;
  ResumableFolder folder_;
  std::vector<std::string> paths_;
  ordered_json settings_;
};

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

CleanedCopy copy_cleaned(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
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
  return Copier(root, splits, result, without, output).run();
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
