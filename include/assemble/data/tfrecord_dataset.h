// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/dataset.h"
#include "assemble/io/tfrecord.h"

namespace assemble {

/// TFRecords of tf.train.Example with image/encoded and image/class/label, and optionally image/filename, image/logit
/// and image/object/bbox/{xmin,xmax,ymin,ymax} (the original's layout). Keeps 16 bytes a record in memory and at most
/// 64 files open. GZIP and ZLIB files are inflated into the system's folder for temporary files first.
class TfRecordDataset : public Dataset {
 public:
  /// @param shards files, in order
  /// @param class_names one a label; may be empty under ClassRule::kAny and kNumbered
  /// @param rule but for kOfTraining labels are not checked, and teacher's logits are not read
  TfRecordDataset(std::vector<fs::path> shards, std::vector<std::string> class_names,
                  ClassRule rule = ClassRule::kOfTraining);
  ~TfRecordDataset() override;

  int64_t size() const override;
  /// @throws InputError for a damaged record, a missing image or label, or a label out of range
  Sample read(int64_t index) const override;
  Example example(int64_t index) const override;
  int64_t label(int64_t index) const override { return -1; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::vector<std::string> defects() const override;
  std::string where() const override;

 private:
  struct Shards;
  /// @param name set to shard and record
  Example parse(int64_t index, std::string& name) const;

  std::unique_ptr<Shards> shards_;
  std::vector<std::string> class_names_;
  ClassRule rule_;
};

}  // namespace assemble
