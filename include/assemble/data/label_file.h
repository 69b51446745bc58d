// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"

namespace assemble {

/// @file
/// Files that name images and their classes.
///
/// CSV (.csv): a first line of column names, then a line an image; RFC 4180's quotes, no line ends in cells. Without
/// known column names, and when its first cell is an image's name, the first line is an image too: PATH,LABEL[,SPLIT].
/// JSON lines (.jsonl, .ndjson): an object a line. JSON (.json): a list of such objects; an object PATH: LABEL; or, as
/// in COCO, "images" (id, file_name), "annotations" (image_id, category_id) and "categories" (id, name).
///
/// Columns and keys, in any case: image, path, file, file_name, filename, file_path, filepath, image_path, image_name,
/// img, img_name or image_id; label, class, class_name, category or target; split, subset, set or partition. Others are
/// passed over. `labels` in the place of the label: any number of them, in CSV between ';', in JSON a list; so are
/// lists as labels of an object's paths, and COCO's where an image has several categories. A label is a text or a whole
/// number, a split as open_dataset() knows them by name, or empty: the image is taken for none. Paths are relative to a
/// folder, that of the file if no other is said, and cannot leave it.

/// A line or an entry of a label file.
struct LabelRow {
  std::string path;   ///< with '/'
  std::string label;  ///< empty where none is asked for and none is there, and under LabelRows::several
  std::optional<Split> split = {};
  std::string where = {};                ///< file and line or entry, for errors
  std::vector<std::string> labels = {};  ///< under LabelRows::several: all of them, each once
};

struct LabelRows {
  std::vector<LabelRow> rows;  ///< of no path twice
  bool splits = false;         ///< there is a column for it
  bool several = false;        ///< any number of labels may be right for an image
};

/// Whether a file's extension is a label file's.
bool is_label_file(const fs::path& file);

/// What paths of a data set's images are relative to: a label file's folder, else the data set itself.
fs::path images_root(const fs::path& data);

/// @param labels rows without one are errors
/// @throws InputError naming line or entry: for a file that is no such thing or holds no rows, a path that is named
///         twice or leads out of its folder, images with one label beside others with any number, an unknown split
LabelRows read_label_file(const fs::path& file, bool labels = true);

/// A CSV file that read_label_file() reads.
/// @param several the rows have LabelRow::labels
/// @throws InputError for a path or label that is not UTF-8 or has a line end in it, and for one of several with ';'
std::string label_file_text(const std::vector<LabelRow>& rows, bool several = false);

/// Images that a label file names. Classes are the labels, in byte order, or in order of their numbers where all are
/// whole numbers.
class LabelledFiles : public Dataset {
 public:
  struct File {
    fs::path path;                     ///< relative
    int64_t label;                     ///< -1: it has none
    std::vector<int64_t> labels = {};  ///< where any number may be right
  };

  /// @param part what of it this is, for messages
  /// @param several any number of labels may be right for an image
  LabelledFiles(fs::path root, std::string part, std::vector<File> files, std::vector<std::string> class_names,
                PassedOver passed_over, bool several);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override { return files_.at(static_cast<size_t>(index)).label; }
  const std::vector<int64_t>& labels(int64_t index) const { return files_.at(static_cast<size_t>(index)).labels; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  bool multi_label() const override { return several_; }
  /// The folder that paths are relative to.
  std::string where() const override { return root_.string(); }
  std::string part() const override { return part_; }
  PassedOver passed_over() const override { return passed_over_; }
  const fs::path& file(int64_t index) const { return files_.at(static_cast<size_t>(index)).path; }

 private:
  fs::path root_;
  std::string part_;
  std::vector<File> files_;
  std::vector<std::string> class_names_;
  PassedOver passed_over_;
  bool several_;
};

}  // namespace assemble
