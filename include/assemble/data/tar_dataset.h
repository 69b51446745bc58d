// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/dataset.h"

namespace assemble {

/// Tar files, plain or gzipped (which are inflated into the system's folder for temporary files first).
///
/// WebDataset's layout (https://github.com/webdataset/webdataset): the files of a sample share a name up to the first
/// dot: KEY.jpg (or another extension of images) and KEY.cls, the label as decimal text. Where several
/// images share that, each takes the label of its own name: KEY.2.jpg that of KEY.2.cls. Or, without .cls files, a
/// folder a class: CLASS/NAME.jpg. Splits within are told as in folders. Tar files are indexed once and then read at
/// random; at most 64 are open. Damage and samples that lack image or label are kept as defects().
class TarDataset : public Dataset {
 public:
  /// @param shards files, in order
  /// @param class_names one a label; empty: the class folders, or "0", "1" … up to the largest label
  /// @throws InputError when a file is no tar file or no sample can be used
  TarDataset(std::vector<fs::path> shards, std::vector<std::string> class_names);
  /// @param part which split within the files; see open_dataset
  TarDataset(std::vector<fs::path> shards, std::vector<std::string> class_names, const ArchivePart& part);
  ~TarDataset() override;

  int64_t size() const override;
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override;
  const std::vector<std::string>& class_names() const override { return class_names_; }
  /// The file, or the folder of several.
  std::string where() const override;
  std::string part() const override;
  PassedOver passed_over() const override;
  std::vector<std::string> defects() const override;

 private:
  struct Shards;
  class Opening;
  std::unique_ptr<Shards> shards_;
  std::vector<std::string> class_names_;
  bool any_label_ = false;
};

}  // namespace assemble
