// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "assemble/data/corrupt_set.h"
#include "assemble/data/dataset.h"

namespace assemble {

/// Frost and seed for corrupt(). @throws InputError when frost is missing
CorruptOptions corrupt_options(const CorruptSetOptions& options);

/// The sample decoded, resized and cut, as it is corrupted.
/// @throws InputError when it cannot be read or is too small
Image corruptible(const Sample& sample, const CorruptSetOptions& options);

/// A corrupted image as a set stores it.
/// @param index of the image in its data set
/// @throws InputError naming `where` when it is too small or too large for the corruption or the format
Bytes corrupted_file(const Image& image, const std::string& where, const std::string& corruption, int severity,
                     int64_t index, const CorruptSetOptions& options, const CorruptOptions& corrupt_options);

/// A data set under one corruption, made as it is read: image i at severity s is sample i · severities + s's position.
/// A sample is the file that corrupt_dataset() would write, byte for byte, so that results are those of a stored set.
/// Reading is the loader's work, so corruption and network overlap. An image is decoded once for all its severities
/// while they are read one after the other.
class CorruptedDataset : public Dataset {
 public:
  /// @param dataset must outlive this
  /// @param options its severities, resize, crop, seed, frost_dir, format and quality
  /// @throws UsageError for an unknown corruption or severity, InputError when frost is missing
  CorruptedDataset(const Dataset& dataset, const std::string& corruption, const CorruptSetOptions& options);
  ~CorruptedDataset() override;

  int64_t size() const override;
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override;
  const std::vector<std::string>& class_names() const override;
  std::vector<std::string> defects() const override { return dataset_.defects(); }
  std::string where() const override;

 private:
  struct Cache;
  std::shared_ptr<const Image> base(int64_t image, Sample& sample) const;

  const Dataset& dataset_;
  std::string corruption_;
  CorruptSetOptions options_;
  CorruptOptions corrupt_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace assemble
