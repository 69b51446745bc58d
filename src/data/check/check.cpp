// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/check.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "assemble/core/checksum.h"
#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"
#include "assemble/image/format.h"
#include "check/duplicates.h"
#include "check/faults.h"
#include "check/look.h"
#include "sources/listing.h"

namespace assemble {
namespace {

using check::Look;

/// Label of each split's classes among those of all; new names come behind those of earlier splits.
std::vector<std::vector<int64_t>> merge_classes(const std::vector<OpenSplit>& splits, CheckResult& result) {
  std::map<std::string, int64_t> labels;
  std::vector<std::vector<int64_t>> merged;
  for (const OpenSplit& split : splits) {
    std::vector<int64_t>& own = merged.emplace_back();
    for (const std::string& name : split.images->class_names()) {
      const auto [found, is_new] = labels.emplace(name, static_cast<int64_t>(result.classes.size()));
      if (is_new) result.classes.push_back(name);
      own.push_back(found->second);
    }
  }
  return merged;
}

void describe_splits(const std::vector<OpenSplit>& splits, CheckResult& result) {
  for (const OpenSplit& split : splits) {
    const std::string part = split.images->part();
    CheckedSplit& described = result.splits.emplace_back();
    described.name = split.split ? split_name(*split.split) : check::kOfNoSplit;
    described.source = one_line(part.empty() ? split.images->where() : concat(split.images->where(), ": ", part));
    described.images = split.images->size();
    described.per_class.assign(result.classes.size(), 0);
    described.passed_over = split.images->passed_over();
    described.defects = split.images->defects();
  }
}

[[noreturn]] void refuse_empty(const fs::path& root, const CheckResult& result) {
  PassedOver others;
  for (const CheckedSplit& split : result.splits) {
    for (const auto& [kind, count] : split.passed_over) others[kind] += count;
  }
  throw InputError(one_line(root.string()),
                   others.empty() ? "holds no images" : concat("holds no images, but ", passed_over_text(others)),
                   concat(readable_formats(), " are read; of videos take the frames first"));
}

std::string name_of(const fs::path& root, const Dataset& dataset, int64_t index, const std::string& sample_name) {
  if (!images_are_files(dataset)) return sample_name;
  const bool itself = !fs::is_directory(dataset.where());
  const fs::path path = itself ? fs::path(dataset.where()) : fs::path(dataset.where()) / image_name(dataset, index);
  return one_line((itself ? path.filename() : path.lexically_relative(root)).string());
}

/// Reads every image of every split. @return one look an image
std::vector<Look> look_at_all(const fs::path& root, const std::vector<OpenSplit>& splits, ThreadPool& pool,
                              CheckResult& result) {
  const std::vector<std::vector<int64_t>> labels = merge_classes(splits, result);
  describe_splits(splits, result);
  for (size_t s = 0; s < splits.size(); ++s) {
    for (int64_t i = 0; i < splits[s].images->size(); ++i) result.images.push_back({.split = s, .index = i});
  }
  if (result.images.empty()) refuse_empty(root, result);
  const auto count = static_cast<int64_t>(result.images.size());
  std::vector<Look> looks(result.images.size());
  std::mutex mutex;
  Progress progress("looking at " + one_line(root.string()), count, "images");
  pool.parallel_for(count, [&](int64_t i) {
    CheckedImage& image = result.images[static_cast<size_t>(i)];
    Look& look = looks[static_cast<size_t>(i)];
    const Dataset& dataset = *splits[image.split].images;
    look = check::look_at(dataset, image.index);
    const std::vector<int64_t>& merged = labels[image.split];
    const bool labelled = look.label >= 0 && look.label < static_cast<int64_t>(merged.size());
    image.label = labelled ? merged[static_cast<size_t>(look.label)] : -1;
    image.name = name_of(root, dataset, image.index, look.name);
    image.height = look.size.height;
    image.width = look.size.width;
    const std::lock_guard lock(mutex);
    if (labelled) ++result.splits[image.split].per_class[static_cast<size_t>(image.label)];
    progress.advance(1);
  });
  return looks;
}

Image reduced_image(const Dataset& dataset, int64_t index) {
  try {
    ImageSize ignored;
    return check::decode_reduced(dataset.read(index), ignored);
  } catch (const InputError&) {
    return {};
  }
}

/// Hash of every pixel of an image, as it is shown.
std::string hash_of_pixels(const Dataset& dataset, int64_t index) {
  try {
    const Sample sample = dataset.read(index);
    const Image image = decode_image(sample.encoded, sample.name, {.apply_exif_orientation = true});
    return concat(content_hash(image.pixels), image.width);
  } catch (const InputError&) {
    return "";
  }
}

std::vector<check::Candidate> candidates_of(std::vector<Look> looks) {
  std::vector<check::Candidate> candidates;
  for (size_t i = 0; i < looks.size(); ++i) {
    Look& look = looks[i];
    if (look.contents.empty()) continue;  // could not be read at all
    candidates.push_back(
        {static_cast<int64_t>(i), std::move(look.contents), look.size.height, look.size.width, look.small});
  }
  return candidates;
}

void judge(DuplicateGroup& group, const CheckResult& result) {
  std::set<size_t> splits;
  std::set<int64_t> labels;
  for (const DuplicateMember& member : group.members) {
    const CheckedImage& image = result.images[static_cast<size_t>(member.image)];
    splits.insert(image.split);
    if (image.label >= 0) labels.insert(image.label);
  }
  group.leak = splits.size() > 1;
  group.conflict = labels.size() > 1;
}

}  // namespace

int64_t CheckResult::count(ImageFault fault) const { return std::ranges::count(faults, fault, &FaultyImage::fault); }

const std::string& CheckResult::class_name(int64_t image) const {
  static const std::string none;
  const int64_t label = images.at(static_cast<size_t>(image)).label;
  return label < 0 ? none : classes[static_cast<size_t>(label)];
}

CheckResult check_dataset(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckOptions& options) {
  CheckResult result;
  ThreadPool pool(options.threads > 0 ? options.threads : available_cores());
  std::vector<Look> looks = look_at_all(root, splits, pool, result);
  check::find_faults(looks, result);
  check::find_class_faults(result);
  const auto from = [&](auto read) {
    return [&, read](int64_t i) {
      const CheckedImage& image = result.images[static_cast<size_t>(i)];
      return read(*splits[image.split].images, image.index);
    };
  };
  result.duplicates =
      check::find_duplicates(candidates_of(std::move(looks)), pool, {from(reduced_image), from(hash_of_pixels)});
  for (DuplicateGroup& group : result.duplicates) judge(group, result);
  return result;
}

}  // namespace assemble
