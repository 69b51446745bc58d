// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupted_dataset.h"

#include <deque>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"

namespace assemble {

CorruptOptions corrupt_options(const CorruptSetOptions& options) {
  CorruptOptions result;
  result.seed = options.seed;
  if (!options.frost_dir.empty()) result.frost = load_frost_textures(options.frost_dir);
  return result;
}

Image corruptible(const Sample& sample, const CorruptSetOptions& options) {
  const Image image =
      decode_image(sample.encoded, sample.name, {.apply_exif_orientation = options.exif == ExifRule::kTurn});
  return resize_and_crop(image, options.resize, options.crop, sample.name);
}

Bytes corrupted_file(const Image& image, const std::string& where, const std::string& corruption, int severity,
                     int64_t index, const CorruptSetOptions& options, const CorruptOptions& corrupt_options) {
  try {
    const Image corrupted = corrupt(image, corruption, severity, static_cast<uint64_t>(index), corrupt_options);
    return options.format == CorruptFormat::kJpeg ? encode_jpeg(corrupted, options.quality) : encode_png(corrupted);
  } catch (const InputError& error) {
    throw InputError(where, concat("cannot be corrupted (", corruption, " ", severity, "): ", error.what()));
  }
}

/// The images decoded last. Loader threads are never further apart than their number.
struct CorruptedDataset::Cache {
  static constexpr size_t kImages = 16;
  struct Entry {
    int64_t index;
    Sample sample;  ///< without its bytes
    std::shared_ptr<const Image> image;
  };
  std::mutex mutex;
  std::deque<Entry> entries;
};

CorruptedDataset::CorruptedDataset(const Dataset& dataset, const std::string& corruption,
                                   const CorruptSetOptions& options)
    : dataset_(dataset), corruption_(corruption), options_(options), cache_(std::make_unique<Cache>()) {
  check_corruption(corruption);
  for (const int severity : options.severities) check_severity(severity);
  if (options.severities.empty()) throw UsageError("`severities`", "none given, expected some of 1 to 5");
  CorruptSetOptions needed = options;
  if (corruption != "frost") needed.frost_dir.clear();
  corrupt_ = corrupt_options(needed);
}

CorruptedDataset::~CorruptedDataset() = default;

int64_t CorruptedDataset::size() const { return dataset_.size() * static_cast<int64_t>(options_.severities.size()); }

std::shared_ptr<const Image> CorruptedDataset::base(int64_t image, Sample& sample) const {
  {
    const std::lock_guard lock(cache_->mutex);
    for (const Cache::Entry& entry : cache_->entries) {
      if (entry.index != image) continue;
      sample = entry.sample;
      return entry.image;
    }
  }
  sample = dataset_.read(image);
  auto decoded = std::make_shared<const Image>(corruptible(sample, options_));
  sample.encoded.clear();
  const std::lock_guard lock(cache_->mutex);
  cache_->entries.push_back({image, sample, decoded});
  if (cache_->entries.size() > Cache::kImages) cache_->entries.pop_front();
  return decoded;
}

Sample CorruptedDataset::read(int64_t index) const {
  const auto severities = static_cast<int64_t>(options_.severities.size());
  const int64_t image = index / severities;
  const int severity = options_.severities[static_cast<size_t>(index % severities)];
  Sample sample;
  const auto clean = base(image, sample);
  sample.encoded = corrupted_file(*clean, sample.name, corruption_, severity, image, options_, corrupt_);
  sample.name = concat(sample.name, " (", corruption_, " ", severity, ")");
  return sample;
}

int64_t CorruptedDataset::label(int64_t index) const {
  return dataset_.label(index / static_cast<int64_t>(options_.severities.size()));
}

const std::vector<std::string>& CorruptedDataset::class_names() const { return dataset_.class_names(); }

std::string CorruptedDataset::where() const { return concat(dataset_.where(), " under ", corruption_); }

}  // namespace assemble
