// SPDX-License-Identifier: Apache-2.0
#include "mat_file.h"

#include <matio.h>

#include <cmath>
#include <cstring>

#include "assemble/core/error.h"

namespace assemble::raw {
namespace {

constexpr size_t kMaxElements = size_t{1} << 28;

size_t count_of(const matvar_t& variable) {
  if (variable.dims == nullptr) return 0;
  size_t count = 1;
  for (int i = 0; i < variable.rank; ++i) {
    if (variable.dims[i] != 0 && count > kMaxElements / variable.dims[i]) return kMaxElements + 1;
    count *= variable.dims[i];
  }
  return variable.rank > 0 ? count : 0;
}

template <typename Stored>
std::vector<double> convert(const matvar_t& variable) {
  const auto* values = static_cast<const Stored*>(variable.data);
  return {values, values + count_of(variable)};
}

/// Elements as numbers; empty when the variable is of another kind or damaged.
std::vector<double> numbers_of(const matvar_t& variable) {
  const size_t count = count_of(variable);
  if (variable.data == nullptr || variable.data_size < 1 || count > kMaxElements ||
      variable.nbytes / static_cast<size_t>(variable.data_size) < count) {
    return {};
  }
  switch (variable.class_type) {
    case MAT_C_DOUBLE:
      return variable.data_size == 8 ? convert<double>(variable) : std::vector<double>{};
    case MAT_C_SINGLE:
      return variable.data_size == 4 ? convert<float>(variable) : std::vector<double>{};
    case MAT_C_UINT8:
      return variable.data_size == 1 ? convert<uint8_t>(variable) : std::vector<double>{};
    case MAT_C_INT8:
      return variable.data_size == 1 ? convert<int8_t>(variable) : std::vector<double>{};
    case MAT_C_UINT16:
      return variable.data_size == 2 ? convert<uint16_t>(variable) : std::vector<double>{};
    case MAT_C_INT16:
      return variable.data_size == 2 ? convert<int16_t>(variable) : std::vector<double>{};
    case MAT_C_UINT32:
      return variable.data_size == 4 ? convert<uint32_t>(variable) : std::vector<double>{};
    case MAT_C_INT32:
      return variable.data_size == 4 ? convert<int32_t>(variable) : std::vector<double>{};
    default:
      return {};
  }
}

/// Characters as UTF-8; nothing beyond Latin-1 stands in the published files.
std::string text_of(const matvar_t& variable, const std::string& where) {
  const size_t count = count_of(variable);
  if (variable.class_type != MAT_C_CHAR || count > kMaxElements) throw InputError(where, "is no text");
  std::string text;
  const auto width = static_cast<size_t>(std::max(variable.data_size, 1));
  if (count > 0 && (variable.data == nullptr || variable.nbytes / width < count)) throw InputError(where, "is cut off");
  for (size_t i = 0; i < count; ++i) {
    uint32_t code = 0;
    std::memcpy(&code, static_cast<const char*>(variable.data) + i * width, std::min<size_t>(width, 4));
    const bool is_byte_text = width == 1;
    if (code == 0) continue;
    if (code < 0x80 || is_byte_text) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xC0 | ((code >> 6) & 0x1F));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return text;
}

/// libmatio looks elements up without asking whether a damaged file gave it any.
bool holds_elements(const matvar_t& variable) {
  const size_t fields =
      variable.class_type == MAT_C_STRUCT ? Mat_VarGetNumberOfFields(const_cast<matvar_t*>(&variable)) : 1;
  char* const* names = variable.class_type == MAT_C_STRUCT ? Mat_VarGetStructFieldnames(&variable) : nullptr;
  for (size_t i = 0; i < fields && variable.class_type == MAT_C_STRUCT; ++i) {
    if (names == nullptr || names[i] == nullptr) return false;
  }
  const size_t count = count_of(variable);
  return variable.data != nullptr && fields > 0 && count <= kMaxElements / fields &&
         variable.nbytes / sizeof(matvar_t*) >= count * fields;
}

void ignore_message(int, char*) {}

}  // namespace

MatFile::MatFile(const fs::path& path) : path_(path) {
  Mat_LogInitFunc("assemble", ignore_message);
  if (!fs::exists(path)) {
    throw InputError(path.string(), "missing",
                     "--raw is the folder with the files as they were published and unpacked");
  }
  file_ = Mat_Open(path.c_str(), MAT_ACC_RDONLY);
  if (file_ == nullptr) throw InputError(path.string(), "is not a .mat file", "copy it again");
}

MatFile::~MatFile() { Mat_Close(file_); }

MatVariable MatFile::read(const std::string& name) const {
  const std::string where = path_.string() + ": " + name;
  Mat_Rewind(file_);
  std::shared_ptr<matvar_t> variable(Mat_VarRead(file_, name.c_str()), Mat_VarFree);
  if (!variable) throw InputError(where, "there is no such variable, or it is damaged", "copy the file again");
  return {std::move(variable), where};
}

size_t MatVariable::size() const { return count_of(*variable_); }

std::vector<double> MatVariable::numbers() const {
  std::vector<double> numbers = numbers_of(*variable_);
  if (numbers.empty()) throw InputError(where_, "holds no numbers");
  return numbers;
}

const matvar_t& MatVariable::field(size_t index, const char* name) const {
  const bool is_struct = variable_->class_type == MAT_C_STRUCT && holds_elements(*variable_) && index < size();
  const matvar_t* found = is_struct ? Mat_VarGetStructFieldByName(variable_.get(), name, index) : nullptr;
  if (found == nullptr) throw InputError(where_, concat("element ", index + 1, " has no field '", name, "'"));
  return *found;
}

int64_t MatVariable::integer(size_t index, const char* name) const {
  const std::vector<double> numbers = numbers_of(field(index, name));
  if (numbers.size() != 1 || !(std::abs(numbers[0]) < 1e15)) {
    throw InputError(where_, concat("element ", index + 1, ": '", name, "' is no number"));
  }
  return std::llround(numbers[0]);
}

std::string MatVariable::text(size_t index, const char* name) const {
  return text_of(field(index, name), concat(where_, " element ", index + 1, ": '", name, "'"));
}

std::string MatVariable::cell_text(size_t index) const {
  const std::string where = concat(where_, " element ", index + 1);
  if (variable_->class_type != MAT_C_CELL || !holds_elements(*variable_) || index >= size())
    throw InputError(where, "is no cell");
  const matvar_t* cell = Mat_VarGetCell(variable_.get(), static_cast<int>(index));
  if (cell == nullptr) throw InputError(where, "is empty");
  return text_of(*cell, where);
}

}  // namespace assemble::raw
