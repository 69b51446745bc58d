// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/tar_dataset.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/handle_cache.h"
#include "assemble/core/thread_pool.h"
#include "sources/archive_layout.h"
#include "sources/inflated_shards.h"
#include "sources/listing.h"
#include "sources/tar_index.h"

namespace assemble {
namespace {

/// Place of one image.
struct Place {
  uint64_t offset;
  uint64_t length;
  uint32_t shard;
  int64_t label;
  std::string name;
};

}  // namespace

struct TarDataset::Shards {
  explicit Shards(const std::vector<fs::path>& shards)
      : stored(shards), inflated(shards, has_deflated_start), files(inflated.readable()) {}

  std::vector<fs::path> stored;
  InflatedShards inflated;
  HandleCache<RandomAccessFile> files;
  std::vector<Place> places;
  std::vector<std::string> defects;
  std::string part;
  PassedOver passed_over;
};

/// The samples of all shards, and which of them to take.
class TarDataset::Opening {
 public:
  Opening(const std::vector<fs::path>& readable, const ArchivePart& part, const std::string& where)
      : where_(where), part_(part), found_(readable.size()), defects_(readable.size()) {
    ThreadPool pool(available_cores());
    pool.parallel_for(static_cast<int64_t>(readable.size()), [&](int64_t i) {
      const auto shard = static_cast<size_t>(i);
      found_[shard] = index_tar(readable[shard], &defects_[shard]);
    });
    std::vector<std::string> names;
    for (const TarIndex& index : found_) {
      for (const TarSample& sample : index.samples) {
        names.push_back(sample.name);
        labelled_ = labelled_ || sample.cls.has_value();
      }
    }
    layout_.emplace(names, labelled_, where_);
    split_ = layout_->choose(part_, where_);
  }

  const std::string& split() const { return split_; }

  /// Of the training images, where there are some and classes are to be those of training.
  std::vector<std::string> class_names() const {
    const bool of_training = has_training_classes(part_.split, part_.rule);
    return classes_in(of_training ? layout_->training(where_).value_or(split_) : split_);
  }

  /// Fills in what the data set is made of.
  void take(const std::vector<fs::path>& stored, const std::vector<std::string>& class_names, Shards& shards) {
    const auto labels = labels_of(class_names);
    for (size_t shard = 0; shard < found_.size(); ++shard) {
      const std::string file = stored[shard].string();
      shards.defects.insert(shards.defects.end(), defects_[shard].begin(), defects_[shard].end());
      for (const TarSample& sample : found_[shard].samples) {
        const auto folder = layout_->class_of(sample.name, split_);
        if (!folder) {
          if (split_.empty()) ++shards.passed_over[kInNoClassFolder];
        } else if (labelled_ && !sample.cls && part_.split) {
          shards.defects.push_back(concat(file, ": '", one_line(sample.name), "' has no label"));
        } else if (!labelled_ && folder->empty() && part_.split) {
          ++shards.passed_over[kInNoClassFolder];
        } else {
          const auto label = labels.find(*folder);
          const int64_t by_folder = label == labels.end() ? -1 : label->second;
          shards.places.push_back({sample.offset, sample.length, static_cast<uint32_t>(shard),
                                   labelled_ ? sample.cls.value_or(-1) : by_folder, sample.name});
        }
      }
      for (const TarOther& other : found_[shard].others) {
        if (!layout_->class_of(other.name, split_)) continue;
        other.reason.empty() ? pass_over(shards.passed_over, other.name)
                             : static_cast<void>(++shards.passed_over[other.reason]);
      }
    }
  }

 private:
  std::vector<std::string> folders_in(const std::string& split) const {
    std::set<std::string> folders;
    for (const TarIndex& index : found_) {
      for (const TarSample& sample : index.samples) {
        const auto folder = layout_->class_of(sample.name, split);
        if (folder && !folder->empty()) folders.insert(*folder);
      }
    }
    return {folders.begin(), folders.end()};
  }

  std::vector<std::string> classes_in(const std::string& split) const {
    std::vector<std::string> names;
    if (!labelled_) {
      for (const auto& [name, folder] : class_folders(folders_in(split), where_)) names.push_back(name);
      return names;
    }
    int64_t largest = -1;
    for (const TarIndex& index : found_) {
      for (const TarSample& sample : index.samples) {
        if (layout_->class_of(sample.name, split)) largest = std::max(largest, sample.cls.value_or(-1));
      }
    }
    for (int64_t label = 0; label <= std::min(largest, kMaxClasses); ++label) names.push_back(concat(label));
    return names;
  }

  /// Labels by the class folders' names as stored.
  std::map<std::string, int64_t> labels_of(const std::vector<std::string>& class_names) const {
    std::map<std::string, int64_t> labels;
    if (labelled_ || !part_.split) return labels;
    const auto folders = class_folders(folders_in(split_), where_);
    require_known_classes(folders, class_names, where_);
    for (size_t label = 0; label < class_names.size(); ++label) {
      const auto folder = folders.find(class_names[label]);
      if (folder != folders.end()) labels.emplace(folder->second, label);
    }
    return labels;
  }

  std::string where_;
  ArchivePart part_;
  std::vector<TarIndex> found_;
  std::vector<std::vector<std::string>> defects_;
  bool labelled_ = false;
  std::optional<ArchiveLayout> layout_;
  std::string split_;
};

TarDataset::TarDataset(std::vector<fs::path> shards, std::vector<std::string> class_names)
    : TarDataset(std::move(shards), std::move(class_names), {.split = Split::kValidation, .named = true}) {}

TarDataset::TarDataset(std::vector<fs::path> shards, std::vector<std::string> class_names, const ArchivePart& part)
    : shards_(std::make_unique<Shards>(shards)), class_names_(std::move(class_names)), any_label_(!part.split) {
  Opening opening(shards_->inflated.readable(), part, where());
  if (class_names_.empty()) class_names_ = opening.class_names();
  shards_->part = opening.split();
  opening.take(shards, class_names_, *shards_);
  warn_passed_over(shards_->passed_over, where());
  if (!shards_->places.empty()) return;
  throw InputError(
      where(), "the tar files hold no sample that can be used",
      shards_->defects.empty() ? "expected KEY.jpg with KEY.cls, or CLASS/NAME.jpg" : shards_->defects.front());
}

TarDataset::~TarDataset() = default;

int64_t TarDataset::size() const { return static_cast<int64_t>(shards_->places.size()); }
int64_t TarDataset::label(int64_t index) const { return shards_->places.at(static_cast<size_t>(index)).label; }
std::vector<std::string> TarDataset::defects() const { return shards_->defects; }

std::string TarDataset::part() const { return shards_->part; }
PassedOver TarDataset::passed_over() const { return shards_->passed_over; }

std::string TarDataset::where() const {
  if (shards_->stored.empty()) return "no tar files";
  const fs::path& first = shards_->stored.front();
  return (shards_->stored.size() == 1 ? first : first.parent_path()).string();
}

Sample TarDataset::read(int64_t index) const {
  const Place& place = shards_->places.at(static_cast<size_t>(index));
  Sample sample;
  sample.name = concat(one_line(shards_->stored[place.shard].string()), " at offset ", place.offset, " (",
                       one_line(place.name), ")");
  if (!any_label_ && (place.label < 0 || place.label >= classes())) {
    throw InputError(sample.name, concat("label ", place.label, ", expected 0…", classes() - 1),
                     "classes.txt must name every class");
  }
  sample.label = place.label;
  sample.encoded.resize(place.length);
  shards_->files.get(place.shard)->read(place.offset, sample.encoded);
  return sample;
}

}  // namespace assemble
