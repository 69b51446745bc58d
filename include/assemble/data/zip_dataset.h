// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/dataset.h"

namespace assemble {

/// A zip file of class folders: train/CLASS/NAME.jpg and validation/CLASS/NAME.jpg, whatever single folders stand
/// before, with the names of splits that open_dataset knows; without a split's folder, CLASS/NAME.jpg is taken whole as
/// the validation split. Read at random, by several threads at once.
class ZipDataset : public Dataset {
 public:
  /// @throws InputError when it is no zip file, holds no such split, or entries that are encrypted or compressed by a
  ///         method that cannot be read
  ZipDataset(fs::path file, Split split);
  ZipDataset(fs::path file, const ArchivePart& part);
  ~ZipDataset() override;

  int64_t size() const override;
  /// @throws InputError for a damaged entry (bad CRC too)
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override;
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::string where() const override;
  std::string part() const override { return part_; }
  PassedOver passed_over() const override { return passed_over_; }

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
  std::vector<std::string> class_names_;
  std::string part_;
  PassedOver passed_over_;
  bool any_label_ = false;
};

}  // namespace assemble
