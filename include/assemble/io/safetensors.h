// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Element types of a safetensors file.
enum class DataType { kBool, kU8, kI8, kI16, kU16, kI32, kU32, kI64, kU64, kF16, kBF16, kF32, kF64 };

/// Bytes an element takes.
int64_t element_size(DataType type);
/// Name in the file's header, for example "F32".
const char* data_type_name(DataType type);

/// Where a tensor lies in a safetensors file.
struct TensorEntry {
  DataType type = DataType::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< offset in the data section, bytes
  uint64_t end = 0;
};

/// A safetensors file (https://github.com/huggingface/safetensors, format description), read on demand.
/// Every length, offset, shape and overlap in the header is checked against the file before use.
class SafetensorsFile {
 public:
  /// @throws InputError naming file and offset for anything malformed
  explicit SafetensorsFile(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// @throws InputError when there is no such tensor, with the nearest name
  const TensorEntry& entry(const std::string& name) const;
  /// Little-endian bytes of a tensor, row-major.
  Bytes read(const std::string& name) const;
  /// Elements of an F32 tensor. @throws InputError when it has another type
  std::vector<float> read_f32(const std::string& name) const;

 private:
  RandomAccessFile file_;
  uint64_t data_offset_ = 0;
  std::map<std::string, TensorEntry> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written: `bytes` must stay alive until write_safetensors returns.
struct TensorView {
  std::string name;
  DataType type = DataType::kF32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;
};

/// Writes a safetensors file atomically; tensors keep the given order, the data section begins at a multiple of 8
/// bytes.
/// @throws UsageError on duplicate names or sizes that do not fit the shape, RunError when writing fails
void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace assemble
