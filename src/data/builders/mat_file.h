// SPDX-License-Identifier: Apache-2.0
// The little of MATLAB's .mat files (level 5, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf) that
// published labels need: real numbers, text, cells and structs, plain or compressed, little-endian.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble::raw {

/// An array as stored, column by column.
struct MatArray {
  enum class Kind { kNumbers, kText, kCells, kStructs, kOther };

  Kind kind = Kind::kOther;
  size_t count = 0;                 ///< elements
  std::vector<double> numbers;      ///< kNumbers: one an element
  std::string text;                 ///< kText: UTF-8
  std::vector<std::string> fields;  ///< kStructs: names
  std::vector<MatArray> children;   ///< kCells: one an element; kStructs: one a field of each element in turn
};

/// A variable of a file, which errors name.
class MatVariable {
 public:
  MatVariable(std::shared_ptr<const MatArray> array, std::string where)
      : array_(std::move(array)), where_(std::move(where)) {}

  size_t size() const { return array_->count; }
  /// All elements of a numeric array. @throws InputError for another kind, or none
  std::vector<double> numbers() const;
  /// Is it a struct array with this field?
  bool has(const char* name) const;
  /// A field of a struct array's element. @throws InputError when there is none of that kind
  int64_t integer(size_t index, const char* name) const;
  std::string text(size_t index, const char* name) const;
  /// Text of a cell array's element. @throws InputError when there is none
  std::string cell_text(size_t index) const;

 private:
  const MatArray& field(size_t index, const char* name) const;

  std::shared_ptr<const MatArray> array_;
  std::string where_;
};

class MatFile {
 public:
  /// Reads the whole file.
  /// @throws InputError when it is missing, no .mat file of this kind, or damaged
  explicit MatFile(const fs::path& path);
  /// Of bytes that were read already. @param where named in errors
  MatFile(std::span<const uint8_t> bytes, std::string where);

  /// @throws InputError when there is no such variable
  MatVariable read(const std::string& name) const;

 private:
  std::string where_;
  std::map<std::string, std::shared_ptr<const MatArray>> variables_;
};

}  // namespace assemble::raw
