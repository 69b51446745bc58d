// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/tar_dataset.h"

#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/handle_cache.h"
#include "assemble/core/thread_pool.h"
#include "inflated_shards.h"
#include "tar_index.h"

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

std::string class_folder(const std::string& name) {
  const fs::path parent = fs::path(name).parent_path();
  return parent.filename().string();
}

int64_t label_of(const TarSample& sample, bool by_folder, const std::vector<std::string>& class_names) {
  if (!by_folder) return *sample.cls;
  const auto found = std::find(class_names.begin(), class_names.end(), class_folder(sample.name));
  return found == class_names.end() ? -1 : found - class_names.begin();
}

}  // namespace

struct TarDataset::Shards {
  explicit Shards(const std::vector<fs::path>& shards)
      : stored(shards), inflated(shards, has_deflated_start), files(inflated.readable()) {}

  std::vector<fs::path> stored;
  InflatedShards inflated;
  HandleCache<RandomAccessFile> files;
  std::vector<Place> places;
  std::vector<std::string> defects;
};

TarDataset::TarDataset(std::vector<fs::path> shards, std::vector<std::string> class_names)
    : shards_(std::make_unique<Shards>(shards)), class_names_(std::move(class_names)) {
  std::vector<std::vector<TarSample>> found(shards.size());
  std::vector<std::vector<std::string>> defects(shards.size());
  ThreadPool pool(available_cores());
  pool.parallel_for(static_cast<int64_t>(shards.size()), [&](int64_t i) {
    const auto shard = static_cast<size_t>(i);
    found[shard] = index_tar(shards_->inflated.readable()[shard], &defects[shard]);
  });
  bool any_cls = false;
  std::set<std::string> folders;
  int64_t largest = -1;
  for (const auto& samples : found) {
    for (const TarSample& sample : samples) {
      any_cls = any_cls || sample.cls.has_value();
      largest = std::max(largest, sample.cls.value_or(-1));
      folders.insert(class_folder(sample.name));
    }
  }
  constexpr int64_t kMaxClasses = 1 << 20;
  if (class_names_.empty() && any_cls) {
    for (int64_t label = 0; label <= std::min(largest, kMaxClasses); ++label) class_names_.push_back(concat(label));
  } else if (class_names_.empty()) {
    class_names_.assign(folders.begin(), folders.end());
  }
  for (size_t shard = 0; shard < found.size(); ++shard) {
    shards_->defects.insert(shards_->defects.end(), defects[shard].begin(), defects[shard].end());
    for (const TarSample& sample : found[shard]) {
      if (any_cls && !sample.cls) {
        shards_->defects.push_back(concat(shards[shard].string(), ": '", sample.name, "' has no label"));
        continue;
      }
      shards_->places.push_back({sample.offset, sample.length, static_cast<uint32_t>(shard),
                                 label_of(sample, !any_cls, class_names_), sample.name});
    }
  }
  if (!shards_->places.empty()) return;
  throw InputError(
      where(), "the tar files hold no sample that can be used",
      shards_->defects.empty() ? "expected KEY.jpg with KEY.cls, or CLASS/NAME.jpg" : shards_->defects.front());
}

TarDataset::~TarDataset() = default;

int64_t TarDataset::size() const { return static_cast<int64_t>(shards_->places.size()); }
int64_t TarDataset::label(int64_t index) const { return shards_->places.at(static_cast<size_t>(index)).label; }
std::vector<std::string> TarDataset::defects() const { return shards_->defects; }

std::string TarDataset::where() const {
  if (shards_->stored.empty()) return "no tar files";
  const fs::path& first = shards_->stored.front();
  return (shards_->stored.size() == 1 ? first : first.parent_path()).string();
}

Sample TarDataset::read(int64_t index) const {
  const Place& place = shards_->places.at(static_cast<size_t>(index));
  Sample sample;
  sample.name = concat(shards_->stored[place.shard].string(), " at offset ", place.offset, " (", place.name, ")");
  if (place.label < 0 || place.label >= classes()) {
    throw InputError(sample.name, concat("label ", place.label, ", expected 0…", classes() - 1),
                     "classes.txt must name every class");
  }
  sample.label = place.label;
  sample.encoded.resize(place.length);
  shards_->files.get(place.shard)->read(place.offset, sample.encoded);
  return sample;
}

}  // namespace assemble
