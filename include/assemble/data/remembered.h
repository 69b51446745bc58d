// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "assemble/data/dataset.h"
#include "assemble/data/perturb_set.h"

namespace assemble {

/// @file
/// What is costly to make and read several times, by one network after the other, is kept in memory after it was made.
/// What does not fit any more is made again. Safe to read from many threads.

/// Memory for what several networks look at.
inline constexpr int64_t kRememberedBytes = int64_t{2} << 30;

/// What was made, by its number, as long as there is room.
template <typename Made>
class Remembered {
 public:
  explicit Remembered(int64_t most_bytes) : left_(most_bytes) {}
  /// What was made under this number, or what make() gives.
  Made get(int64_t index, const std::function<Made()>& make);

 private:
  std::mutex mutex_;
  int64_t left_;
  std::map<int64_t, std::shared_ptr<const Made>> kept_;
};

/// Samples as they were read first.
class RememberedDataset : public Dataset {
 public:
  /// @param dataset must outlive this
  /// @param most_bytes of encoded images
  explicit RememberedDataset(const Dataset& dataset, int64_t most_bytes = kRememberedBytes)
      : dataset_(dataset), kept_(most_bytes) {}
  int64_t size() const override { return dataset_.size(); }
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override { return dataset_.label(index); }
  const std::vector<std::string>& class_names() const override { return dataset_.class_names(); }
  bool multi_label() const override { return dataset_.multi_label(); }
  std::vector<std::string> defects() const override { return dataset_.defects(); }
  std::string where() const override { return dataset_.where(); }

 private:
  const Dataset& dataset_;
  mutable Remembered<Sample> kept_;
};

/// Sequences as they were read first.
class RememberedSequences : public Sequences {
 public:
  /// @param sequences must outlive this
  /// @param most_bytes of pixels
  explicit RememberedSequences(const Sequences& sequences, int64_t most_bytes = kRememberedBytes)
      : sequences_(sequences), kept_(most_bytes) {}
  int64_t size() const override { return sequences_.size(); }
  std::vector<Image> read(int64_t index) const override;

 private:
  const Sequences& sequences_;
  mutable Remembered<std::vector<Image>> kept_;
};

}  // namespace assemble
