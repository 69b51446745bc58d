// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/image/image.h"
#include "assemble/io/tf_example.h"

namespace assemble {

/// One labelled, still encoded image.
struct Sample {
  Bytes encoded;                     ///< an image file
  int64_t label = 0;                 ///< 0 … classes - 1; -1 where Dataset::multi_label()
  std::vector<int64_t> labels = {};  ///< where Dataset::multi_label(): all that are right, each once; else empty
  std::string name;                  ///< where it comes from: path, or shard and record; named in errors
  std::vector<float> logits;         ///< teacher's logits, one a class; empty when there are none
  std::vector<BoundingBox> boxes;
};

/// Files that lie where the images do and are none: how many, by extension or reason.
using PassedOver = std::map<std::string, int64_t>;

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
  /// Whether any number of classes may be right for an image, none too.
  virtual bool multi_label() const { return false; }
  /// Damage found when the data set was opened, by which samples were lost; each names file and offset. A loader logs
  /// and counts it as broken samples.
  virtual std::vector<std::string> defects() const { return {}; }
  /// Folder or files, for messages.
  virtual std::string where() const = 0;
  /// What of where() was taken, by its name there: a split's folder in an archive, a set of shards; empty: all of it.
  virtual std::string part() const { return ""; }
  /// Said in a warning when the data set was opened.
  virtual PassedOver passed_over() const { return {}; }
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
  bool multi_label() const override { return whole_.multi_label(); }
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
  bool multi_label() const override { return whole_.multi_label(); }
  std::vector<std::string> defects() const override { return whole_.defects(); }
  std::string where() const override { return whole_.where(); }

 private:
  int64_t place(int64_t index) const { return (index * whole_.size() + count_ - 1) / count_; }

  const Dataset& whole_;
  int64_t count_;
};

/// Some samples of another data set, which must outlive them.
class ChosenSamples : public Dataset {
 public:
  /// @param places of the samples in it
  ChosenSamples(const Dataset& whole, std::vector<int64_t> places) : whole_(whole), places_(std::move(places)) {}
  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  Sample read(int64_t index) const override { return whole_.read(place(index)); }
  Example example(int64_t index) const override { return whole_.example(place(index)); }
  int64_t label(int64_t index) const override { return whole_.label(place(index)); }
  const std::vector<std::string>& class_names() const override { return whole_.class_names(); }
  bool multi_label() const override { return whole_.multi_label(); }
  std::string where() const override { return whole_.where(); }
  /// Of a sample in the other data set.
  int64_t place(int64_t index) const { return places_.at(static_cast<size_t>(index)); }

 private:
  const Dataset& whole_;
  std::vector<int64_t> places_;
};

/// A sample as a record of the original's layout: image/encoded, /filename, /format, /height, /width, /class/label and
/// /class/text. @throws InputError when the image's header cannot be read
Example make_example(const Sample& sample, const std::string& class_name);

/// Which part of a data set. Test images are opened by open_splits() alone, but where they are taken for validation.
enum class Split { kTrain, kValidation, kTest };
/// Those that people choose from.
inline constexpr auto kSplits = choices<Split>("split", {{Split::kTrain, "train"}, {Split::kValidation, "validation"}});

/// "train", "validation" or "test".
const char* split_name(Split split);

/// A data set has other splits than the one asked for, or none.
struct NoSuchSplit : InputError {
  using InputError::InputError;
};

/// Which classes a validation split may hold.
enum class ClassRule {
  kOfTraining,  ///< those of the training split: a classifier's
  kAny,         ///< any: retrieval compares labels with each other alone (zero-shot splits). A record's label may be
                ///< any number, and -1 is a distractor
  kNumbered,    ///< as kOfTraining, but a record's label is a number of its own, from 0, and records have no names
  kSeveral,  ///< as kOfTraining, and any number of classes may be right for an image (Dataset::multi_label()): without
             ///< this rule such a data set is refused
  kOwn,      ///< those of the split itself, also without images: of a data set that is looked over. Names of records
             ///< are those of training all the same
};

/// What of a folder is of which split, where names of files and folders do not say it.
struct RecordFiles {
  /// File names with *, ? and [ ], each for one split: "part-*.tfrecord". Empty: NAME-?????-of-????? by the splits'
  /// names.
  std::string train_files = {};
  std::string validation_files = {};
  /// A label file (assemble/data/label_file.h) that says which images of a folder are of which split and class, in the
  /// place of the folder's own parts; its paths are relative to the folder. Empty: there is none.
  std::string split_file = {};
  bool allow_missing_shards = false;  ///< go on, with a warning, where some of a numbered set are missing
};

/// What of an archive a data set is made of.
struct ArchivePart {
  std::optional<Split> split;  ///< nothing: validation if there is one, else training, else all; labels do not matter
  ClassRule rule = ClassRule::kOfTraining;
  bool named = false;  ///< the file's name says that it is the split's: it needs no split's folder within
};

/// Opens a folder-a-class data set, TFRecords, tar files or a zip file, whichever DIR holds or is.
///
/// Splits are told by whole words in any case: train or training; validation, val or valid; else, with a warning, test
/// or testing. In folders, and within zip and tar files: train/CLASS/IMAGE and validation/CLASS/IMAGE, whatever single
/// folders stand around them. TFRecords (NAME-?????-of-?????) and tar files (see TarDataset) by a part of their names;
/// where no tar file names a split, all are one archive. A .csv, .json or .jsonl file is a label file, as
/// assemble/data/label_file.h has it: images without a split are a validation split. Class names of records from
/// DIR/dataset.json or DIR/classes.txt (one a line), else from the records (see record_classes()). Folders or archives
/// of classes alone are a validation split. Under ClassRule::kAny the classes of validation are its own, and records
/// need no classes.txt.
/// @throws InputError for an empty folder, a class without images, no such split, two names of one split, a missing
/// file
///         of a numbered set (unless RecordFiles allows it), a pattern that no file has, classes of validation that
///         training lacks; each names the folder and what was expected
std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split, ClassRule rule = ClassRule::kOfTraining,
                                      const RecordFiles& files = {});

/// A part of a data set as it lies there.
struct OpenSplit {
  std::optional<Split> split;  ///< nothing: the images are of none
  std::shared_ptr<Dataset> images;
};

/// Opens every split there is, in their order, each with the classes that it has itself (ClassRule::kOwn); folders or
/// archives of classes alone, a folder of images and a single image are one part of no split.
/// @throws InputError as open_dataset() and open_unlabelled() do
/// @param several take images for which any number of classes may be right, too
std::vector<OpenSplit> open_splits(const fs::path& path, const RecordFiles& files = {}, bool several = false);

/// Opens images whose labels do not matter: of TFRecords and archives the validation split, else the training split,
/// else all; or an image file, or every image file below a folder (labels -1).
/// @throws InputError when there are none
std::unique_ptr<Dataset> open_unlabelled(const fs::path& path, const RecordFiles& files = {});

}  // namespace assemble
