// SPDX-License-Identifier: Apache-2.0
// What tests of the loader share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "../image/sample_images.h"
#include "assemble/core/text.h"
#include "assemble/data/loader.h"
#include "assemble/image/encode.h"

namespace assemble::test {

/// Images in memory, some of them broken.
class MemoryDataset : public Dataset {
 public:
  explicit MemoryDataset(int64_t size, std::set<int64_t> broken = {}) : broken_(std::move(broken)) {
    for (int64_t i = 0; i < size; ++i) {
      samples_.push_back(encode_jpeg(wavy_image(40, 50, static_cast<uint64_t>(i)), 80));
    }
  }
  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  Sample read(int64_t index) const override {
    const int64_t now = ++being_read_;
    if (on_read) on_read(now);
    Sample sample;
    sample.encoded = samples_[static_cast<size_t>(index)];
    if (broken_.contains(index)) sample.encoded.resize(sample.encoded.size() * 3 / 4);
    sample.label = index % 3;
    sample.name = concat("sample ", index);
    sample.logits = logits;
    return sample;
  }
  int64_t label(int64_t index) const override { return index % 3; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string where() const override { return "memory"; }

  std::vector<std::string> defects() const override { return lost; }

  std::vector<float> logits;
  std::vector<std::string> lost;
  std::function<void(int64_t)> on_read;

 private:
  std::vector<Bytes> samples_;
  std::set<int64_t> broken_;
  std::vector<std::string> names_{"a", "b", "c"};
  mutable std::atomic<int64_t> being_read_ = 0;
};

inline LoaderOptions options_for(bool training, int threads = 2) {
  LoaderOptions options;
  options.batch_size = 4;
  options.threads = threads;
  options.training = training;
  options.seed = 5;
  options.preprocessing = Preprocessing::from_type("imagenet_16");
  // A window of a broken file may lie above the cut, so tests of broken files take the whole image.
  options.augmentation.box.max_attempts = 0;
  return options;
}

inline std::vector<Batch> load(const Dataset& dataset, const LoaderOptions& options, int64_t epoch,
                               int64_t first_batch = 0) {
  Loader loader(dataset, options);
  loader.start(epoch, first_batch);
  std::vector<Batch> batches;
  for (Batch batch; loader.next(batch);) batches.push_back(batch);
  return batches;
}

inline void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].indices, b[i].indices);
    EXPECT_EQ(a[i].names, b[i].names);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].images, b[i].images);
    EXPECT_EQ(a[i].logits, b[i].logits);
  }
}

/// Each sample of a batch goes by its own name, also where broken ones were left out or replaced.
inline void expect_names_of_indices(const Batch& batch) {
  ASSERT_EQ(batch.names.size(), batch.indices.size());
  for (size_t i = 0; i < batch.names.size(); ++i) EXPECT_EQ(batch.names[i], concat("sample ", batch.indices[i]));
}

inline std::vector<int64_t> indices_of(const std::vector<Batch>& batches) {
  std::vector<int64_t> indices;
  for (const Batch& batch : batches) indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
  return indices;
}

}  // namespace assemble::test
