// SPDX-License-Identifier: Apache-2.0
// The little of MATLAB's .mat files (through libmatio) that published labels need.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"

struct _mat_t;
struct matvar_t;

namespace assemble::raw {

class MatVariable;

class MatFile {
 public:
  /// @throws InputError when it is missing or no .mat file
  explicit MatFile(const fs::path& path);
  ~MatFile();
  MatFile(const MatFile&) = delete;
  MatFile& operator=(const MatFile&) = delete;

  /// @throws InputError when there is no such variable
  MatVariable read(const std::string& name) const;

 private:
  fs::path path_;
  _mat_t* file_;
};

/// A variable: numbers, an array of structs, or an array of cells.
class MatVariable {
 public:
  MatVariable(std::shared_ptr<matvar_t> variable, std::string where)
      : variable_(std::move(variable)), where_(std::move(where)) {}

  size_t size() const;
  /// All elements of a numeric array. @throws InputError for another kind
  std::vector<double> numbers() const;
  /// A field of a struct array's element. @throws InputError when there is none
  int64_t integer(size_t index, const char* field) const;
  std::string text(size_t index, const char* field) const;
  /// Text of a cell array's element.
  std::string cell_text(size_t index) const;

 private:
  const matvar_t& field(size_t index, const char* name) const;

  std::shared_ptr<matvar_t> variable_;
  std::string where_;
};

}  // namespace assemble::raw
