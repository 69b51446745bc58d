// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// One labelled, still encoded image.
struct Sample {
  Bytes encoded;              ///< JPEG, PNG or WebP
  int64_t label = 0;          ///< 0 … classes - 1
  std::string name;           ///< where it comes from: path, or shard and record; named in errors
  std::vector<float> logits;  ///< teacher's logits, one a class; empty when there are none
  std::vector<BoundingBox> boxes;
};

/// Labelled images with random access. Implementations are safe to read from many threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// @throws InputError when the sample cannot be read
  virtual Sample read(int64_t index) const = 0;
  /// Label without reading the image, where that is cheap; -1 when it is not known.
  virtual int64_t label(int64_t index) const = 0;
  /// Outputs a classifier needs.
  int64_t classes() const { return static_cast<int64_t>(class_names().size()); }
  virtual const std::vector<std::string>& class_names() const = 0;
  /// Damage found when the data set was opened, by which samples were lost; each names file and offset. A loader logs
  /// and counts it as broken samples.
  virtual std::vector<std::string> defects() const { return {}; }
  /// Folder or files, for messages.
  virtual std::string where() const = 0;
};

/// Which part of a data set.
enum class Split { kTrain, kValidation };

/// Opens DIR as a folder-a-class data set or as TFRecords, whichever it holds.
///
/// Folders: DIR/train/CLASS/IMAGE and DIR/{validation,val,test}/CLASS/IMAGE (the first that exists); for kValidation, a
/// DIR that holds class folders itself is taken whole. TFRecords: DIR/train-?????-of-????? and
/// DIR/validation-?????-of-?????, class names from DIR/dataset.json or DIR/classes.txt (one a line). Tar files (see
/// TarDataset): those with "train", and with "val" or "test", in their names. DIR may also be a zip file (see
/// ZipDataset) or one tar file, which is then taken as either split.
/// @throws InputError for an empty folder, a class without images, no such split, classes of validation that training
///         lacks; each names the folder and what was expected
std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split);

}  // namespace assemble
