// SPDX-License-Identifier: Apache-2.0
// Miniatures of published raw layouts, drawn in tests.
#pragma once

#include <matio.h>

#include <string>
#include <vector>

#include "../image/sample_images.h"
#include "assemble/core/file.h"
#include "assemble/image/encode.h"

namespace assemble::test {

inline void write_text(const fs::path& path, const std::string& text) {
  make_directories(path.parent_path());
  write_file(path, std::string_view(text));
}

/// A picture that differs by `number`, 24×32.
inline void write_picture(const fs::path& path, int number) {
  make_directories(path.parent_path());
  write_file(path, encode_jpeg(wavy_image(24, 32, static_cast<uint64_t>(number)), 90));
}

/// Writes variables to a .mat file.
class MatWriter {
 public:
  explicit MatWriter(const fs::path& path) {
    make_directories(path.parent_path());
    file_ = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  }
  ~MatWriter() { Mat_Close(file_); }
  MatWriter(const MatWriter&) = delete;
  MatWriter& operator=(const MatWriter&) = delete;

  void numbers(const char* name, std::vector<double> values) {
    size_t dims[2] = {1, values.size()};
    write(Mat_VarCreate(name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, values.data(), 0));
  }

  void texts(const char* name, const std::vector<std::string>& values) {
    size_t dims[2] = {1, values.size()};
    matvar_t* cells = Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, dims, nullptr, 0);
    for (size_t i = 0; i < values.size(); ++i) Mat_VarSetCell(cells, static_cast<int>(i), text(values[i]));
    write(cells);
  }

  struct Field {
    const char* name;
    std::vector<std::string> texts;  ///< one an element, or
    std::vector<double> numbers;
  };
  void structs(const char* name, const std::vector<Field>& fields) {
    const size_t count = std::max(fields[0].texts.size(), fields[0].numbers.size());
    size_t dims[2] = {1, count};
    std::vector<const char*> names;
    for (const Field& field : fields) names.push_back(field.name);
    matvar_t* array = Mat_VarCreateStruct(name, 2, dims, names.data(), static_cast<unsigned>(names.size()));
    for (size_t i = 0; i < count; ++i) {
      for (const Field& field : fields) {
        Mat_VarSetStructFieldByName(array, field.name, i,
                                    field.texts.empty() ? number(field.numbers[i]) : text(field.texts[i]));
      }
    }
    write(array);
  }

 private:
  static matvar_t* text(const std::string& value) {
    size_t dims[2] = {1, value.size()};
    return Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UTF8, 2, dims, const_cast<char*>(value.data()), 0);
  }
  static matvar_t* number(double value) {
    size_t dims[2] = {1, 1};
    return Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, &value, 0);
  }
  void write(matvar_t* variable) {
    Mat_VarWrite(file_, variable, MAT_COMPRESSION_ZLIB);
    Mat_VarFree(variable);
  }

  mat_t* file_;
};

}  // namespace assemble::test
