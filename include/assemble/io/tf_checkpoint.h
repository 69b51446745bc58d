// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Element types of a TensorFlow checkpoint, with TensorFlow's numbers (tensorflow/core/framework/types.proto). Those
/// without a size of their own (resource, variant) and later ones are kept as numbers.
enum class TfDataType : int32_t {
  kFloat = 1,
  kDouble = 2,
  kInt32 = 3,
  kUint8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQint8 = 11,
  kQuint8 = 12,
  kQint32 = 13,
  kBfloat16 = 14,
  kQint16 = 15,
  kQuint16 = 16,
  kUint16 = 17,
  kComplex128 = 18,
  kHalf = 19,
  kUint32 = 22,
  kUint64 = 23,
  kFloat8E5m2 = 24,
  kFloat8E4m3fn = 25,
  kInt4 = 29,  ///< one in a byte
  kUint4 = 30,
};

/// Bytes an element takes; 0 for strings and for types not named above.
int64_t tf_element_size(TfDataType type);
/// For example "float32"; "type 21" for types not named above.
std::string tf_data_type_name(TfDataType type);

/// What the index of a checkpoint says of one tensor.
struct TfTensorEntry {
  TfDataType type = TfDataType::kFloat;
  std::vector<int64_t> shape;
  int32_t shard = 0;    ///< number of the data file
  uint64_t offset = 0;  ///< in the data file, bytes
  uint64_t size = 0;    ///< bytes
  uint32_t crc = 0;     ///< masked CRC-32C of the bytes
  bool sliced = false;  ///< a partitioned variable: its parts are stored apart, and read() refuses it
};

/// A TensorFlow V2 checkpoint ("tensor bundle"): PREFIX.index, a LevelDB table of tensor names
/// (tensorflow/core/protobuf/tensor_bundle.proto), and PREFIX.data-00000-of-00001 and so on. The index is read and
/// checked at once, tensors on demand.
class TfCheckpoint {
 public:
  /// @param path a prefix ("model.ckpt-7"), one of the checkpoint's files, or a folder: then the checkpoint that the
  ///             folder's text file `checkpoint` names, else the one of the largest step
  /// @throws InputError naming file and offset when the index is damaged, or a data file is missing or too short
  explicit TfCheckpoint(const fs::path& path);

  const fs::path& prefix() const { return prefix_; }
  const std::map<std::string, TfTensorEntry>& tensors() const { return tensors_; }
  /// @throws InputError when there is no such tensor, with the nearest name
  const TfTensorEntry& entry(const std::string& name) const;
  /// Little-endian bytes of a tensor, row-major; of a string tensor as stored: lengths, checksum, characters.
  /// @throws InputError naming file and offset when the checksum does not match
  Bytes read(const std::string& name) const;
  /// Elements of a float32, float64, float16 or bfloat16 tensor. @throws InputError as read(), and for other types
  std::vector<float> read_f32(const std::string& name) const;

 private:
  void read_index();
  void open_shards(int32_t count);
  std::string place(const std::string& name, const TfTensorEntry& entry) const;

  fs::path prefix_;
  std::map<std::string, TfTensorEntry> tensors_;
  std::map<int32_t, RandomAccessFile> shards_;
};

/// A tensor to be written: `bytes` must stay alive until write_tf_checkpoint returns.
struct TfTensorView {
  std::string name;
  TfDataType type = TfDataType::kFloat;
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;
};

/// Writes PREFIX.data-00000-of-00001 and PREFIX.index, each atomically, the index last.
/// @throws UsageError on empty or duplicate names, string tensors, or sizes that do not fit the shape; RunError when
///         writing fails
void write_tf_checkpoint(const fs::path& prefix, const std::vector<TfTensorView>& tensors);

}  // namespace assemble
