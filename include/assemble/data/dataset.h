// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/image/image.h"
#include "assemble/io/tf_example.h"

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
  /// The sample as a tf.train.Example: the stored record, all its features as they are, or one made of the sample.
  /// @throws InputError when the sample cannot be read
  virtual Example example(int64_t index) const;
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

/// Samples [begin, end) of another data set, which must outlive it.
class DatasetRange : public Dataset {
 public:
  /// @throws UsageError when the range leaves the data set
  DatasetRange(const Dataset& whole, int64_t begin, int64_t end);
  int64_t size() const override { return end_ - begin_; }
  Sample read(int64_t index) const override { return whole_.read(begin_ + index); }
  Example example(int64_t index) const override { return whole_.example(begin_ + index); }
  int64_t label(int64_t index) const override { return whole_.label(begin_ + index); }
  const std::vector<std::string>& class_names() const override { return whole_.class_names(); }
  /// The whole's, told once: by the range that begins at 0.
  std::vector<std::string> defects() const override {
    return begin_ == 0 ? whole_.defects() : std::vector<std::string>{};
  }
  std::string where() const override { return whole_.where(); }

 private:
  const Dataset& whole_;
  int64_t begin_;
  int64_t end_;
};

/// `count` samples of another data set, spread evenly over it; it must outlive them.
class EvenlySpread : public Dataset {
 public:
  /// @throws UsageError unless 1 <= count <= whole.size()
  EvenlySpread(const Dataset& whole, int64_t count);
  int64_t size() const override { return count_; }
  Sample read(int64_t index) const override { return whole_.read(place(index)); }
  Example example(int64_t index) const override { return whole_.example(place(index)); }
  int64_t label(int64_t index) const override { return whole_.label(place(index)); }
  const std::vector<std::string>& class_names() const override { return whole_.class_names(); }
  std::vector<std::string> defects() const override { return whole_.defects(); }
  std::string where() const override { return whole_.where(); }

 private:
  int64_t place(int64_t index) const { return (index * whole_.size() + count_ - 1) / count_; }

  const Dataset& whole_;
  int64_t count_;
};

/// A sample as a record of the original's layout: image/encoded, /filename, /format, /height, /width, /class/label and
/// /class/text. @throws InputError when the image's header cannot be read
Example make_example(const Sample& sample, const std::string& class_name);

/// Which part of a data set.
enum class Split { kTrain, kValidation };

/// "train" or "validation".
const char* split_name(Split split);

/// Which classes a validation split may hold.
enum class ClassRule {
  kOfTraining,  ///< those of the training split: a classifier's
  kAny,         ///< any: retrieval compares labels with each other alone (zero-shot splits). A record's label may be
                ///< any number, and -1 is a distractor
};

/// Opens DIR as a folder-a-class data set or as TFRecords, whichever it holds.
/// Under ClassRule::kAny the classes of validation folders are their own, and records need no classes.txt.
///
/// Folders: DIR/train/CLASS/IMAGE and DIR/{validation,val,test}/CLASS/IMAGE (the first that exists); for kValidation, a
/// DIR that holds class folders itself is taken whole. TFRecords: DIR/train-?????-of-????? and
/// DIR/validation-?????-of-?????, class names from DIR/dataset.json or DIR/classes.txt (one a line). Tar files (see
/// TarDataset): those with "train", and with "val" or "test", in their names. DIR may also be a zip file (see
/// ZipDataset) or one tar file, which is then taken as either split.
/// @throws InputError for an empty folder, a class without images, no such split, classes of validation that training
///         lacks; each names the folder and what was expected
std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split, ClassRule rule = ClassRule::kOfTraining);

/// Opens images whose labels do not matter: TFRecords or tar files (the validation split, else the training split), a
/// zip file's validation split, or an image file, or every image file below a folder (labels -1).
/// @throws InputError when there are none
std::unique_ptr<Dataset> open_unlabelled(const fs::path& path);

}  // namespace assemble
