// SPDX-License-Identifier: Apache-2.0
// Miniatures of published raw layouts, drawn in tests.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "../image/sample_images.h"
#include "archives.h"
#include "assemble/core/file.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble::test {

inline void write_text(const fs::path& path, const std::string& text) {
  make_directories(path.parent_path());
  write_bytes(path, bytes_of(text));
}

/// A picture that differs by `number`, 24×32.
inline void write_picture(const fs::path& path, int number) {
  make_directories(path.parent_path());
  write_bytes(path, encode_jpeg(wavy_image(24, 32, static_cast<uint64_t>(number)), 90));
}

/// Writes variables to a .mat file (level 5), compressed as MATLAB does it.
class MatWriter {
 public:
  explicit MatWriter(const fs::path& path) : path_(path), file_(128, ' ') {
    make_directories(path.parent_path());
    const uint8_t version[] = {0, 1, 'I', 'M'};
    std::copy(std::begin(version), std::end(version), file_.end() - 4);
  }

  void numbers(const std::string& name, const std::vector<double>& values) {
    write(array(kDouble, values.size(), name, element(9, values)));
  }

  void texts(const std::string& name, const std::vector<std::string>& values) {
    Bytes cells;
    for (const std::string& value : values) append(cells, text(value));
    write(array(kCell, values.size(), name, cells));
  }

  struct Field {
    std::string name;
    std::vector<std::string> texts;  ///< one an element, or
    std::vector<double> numbers;
  };
  void structs(const std::string& name, const std::vector<Field>& fields) {
    constexpr size_t kNameLength = 32;
    const size_t count = std::max(fields[0].texts.size(), fields[0].numbers.size());
    std::string names;
    for (const Field& field : fields) names += field.name + std::string(kNameLength - field.name.size(), '\0');
    Bytes parts{5, 0, 4, 0, kNameLength, 0, 0, 0};  // a short element: four bytes in the tag
    append(parts, element(1, names));
    for (size_t i = 0; i < count; ++i) {
      for (const Field& field : fields) {
        append(parts, field.texts.empty() ? array(kDouble, 1, "", element(9, std::vector{field.numbers[i]}))
                                          : text(field.texts[i]));
      }
    }
    write(array(kStruct, count, name, parts));
  }

 private:
  enum Class : uint32_t { kCell = 1, kStruct = 2, kChar = 4, kDouble = 6 };

  static void append(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

  template <typename Values>
  static Bytes element(uint32_t type, const Values& values) {
    const auto size = static_cast<uint32_t>(values.size() * sizeof(values[0]));
    Bytes bytes(8 + (size + 7) / 8 * 8);
    std::memcpy(bytes.data(), &type, 4);
    std::memcpy(bytes.data() + 4, &size, 4);
    if (size > 0) std::memcpy(bytes.data() + 8, values.data(), size);
    return bytes;
  }

  static Bytes array(Class kind, size_t count, const std::string& name, const Bytes& parts) {
    Bytes bytes = element(6, std::vector<uint32_t>{kind, 0});
    append(bytes, element(5, std::vector<uint32_t>{1, static_cast<uint32_t>(count)}));
    append(bytes, element(1, name));
    append(bytes, parts);
    return element(14, bytes);
  }

  /// As UTF-16, as MATLAB stores it.
  static Bytes text(const std::string& value) {
    return array(kChar, value.size(), "", element(4, std::vector<uint16_t>(value.begin(), value.end())));
  }

  void write(const Bytes& variable) {
    uLongf size = compressBound(variable.size());
    Bytes compressed(size);
    compress(compressed.data(), &size, variable.data(), variable.size());
    const uint32_t tag[] = {15, static_cast<uint32_t>(size)};
    file_.insert(file_.end(), reinterpret_cast<const uint8_t*>(tag), reinterpret_cast<const uint8_t*>(tag + 2));
    file_.insert(file_.end(), compressed.begin(), compressed.begin() + static_cast<ptrdiff_t>(size));
    write_file(path_, file_);
  }

  fs::path path_;
  Bytes file_;
};

}  // namespace assemble::test
