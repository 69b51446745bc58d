// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/deploy/array.h"
#include "assemble/eval/class_pairing.h"

namespace assemble {

/// Logits of images by their file names, from anywhere: to be stored with a data set as a teacher's.
///
/// CSV, in any encoding that read_lines() knows: a line an image, `FILE,L0,L1,…`; a first line whose second cell is no
/// number is a header, `image,CLASS,CLASS,…`. Or safetensors: a tensor "logits" [N, classes] of f32, and in the
/// metadata "images", a JSON array of N names; "classes", a JSON array of class names, may be there.
///
/// Memory: all logits, 4 bytes each, and for CSV the text.
class StoredLogits {
 public:
  /// @throws InputError naming file and line, for a name that is there twice, rows of different lengths, values
  ///         that are not finite, a file of another kind
  static StoredLogits read(const fs::path& file);

  /// The logits of an image, which from then on are this image's.
  /// @param name its file name with as many folders as are known. Of the names in the file it is the one that `name`
  ///        ends with, part by part; the longest where there are several
  /// @param image what it is called in errors
  /// @return nothing when the file has none
  /// @throws InputError when they were another image's before
  std::optional<std::span<const float>> take(const std::string& name, const std::string& image);

  /// Puts them into the order of a data set's classes, as ClassPairing::in_order_of_data() does.
  /// @param pairing of class_names() with those
  void pair(const ClassPairing& pairing);

  std::string where() const { return where_; }
  int64_t size() const { return logits_.rows; }
  int64_t classes() const { return logits_.columns; }
  /// As the file says, else numbers.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// An example of its names.
  const std::string& first_name() const { return first_name_; }
  /// How many images' logits nobody took.
  int64_t unused() const;

 private:
  explicit StoredLogits(std::string where) : where_(std::move(where)) {}
  void read_csv(const fs::path& file);
  void read_tensors(const fs::path& file);
  void add_name(const std::string& name, const std::string& where);
  void finish();

  struct Row {
    int64_t index = 0;
    std::string image;  ///< that took it
  };
  std::string where_;
  std::map<std::string, Row> rows_;
  std::string first_name_;
  std::vector<std::string> class_names_;
  Matrix logits_;
};

}  // namespace assemble
