// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/io/safetensors.h"

namespace assemble {

/// Where a tensor of a PyTorch file lies: a strided view of a storage.
struct TorchTensorEntry {
  DataType type = DataType::kF32;
  std::vector<int64_t> shape;
  std::string storage;           ///< key of the storage
  uint64_t offset = 0;           ///< in the storage, elements
  std::vector<int64_t> strides;  ///< elements, one an extent
};

/// What a PyTorch file holds beside tensors.
struct TorchExtra {
  std::string what;        ///< "a number", "an object of argparse.Namespace", "a quantised tensor"
  bool is_tensor = false;  ///< one that cannot be read
};

/// Tensors of a file that torch.save wrote: a zip archive (PyTorch 1.6 and newer, TorchScript), or the format before
/// that; in any protocol of pickle, also by Python 2.
///
/// Pickled code is never executed. The file may hold dictionaries and tensors; nested names are joined by dots.
/// Whatever else stands beside them, objects of any class included, is noted by its name and set aside; only names that
/// run commands (eval, os.system …) are errors, with opcode and offset. Every size is checked against the file before
/// use.
class TorchArchive {
 public:
  /// @throws InputError naming file and offset for anything malformed or not allowed
  explicit TorchArchive(const fs::path& path);
  ~TorchArchive();
  TorchArchive(TorchArchive&&) noexcept;
  TorchArchive& operator=(TorchArchive&&) = delete;

  const fs::path& path() const { return path_; }
  /// By name: "layer1.0.conv1.weight", or "state_dict.layer1.0.conv1.weight" in a training checkpoint.
  const std::map<std::string, TorchTensorEntry>& tensors() const { return tensors_; }
  /// What stands beside them, by name as well; "" names the whole object where it is no dictionary.
  const std::map<std::string, TorchExtra>& extras() const { return extras_; }
  /// @throws InputError when there is no such tensor, with the nearest name
  const TorchTensorEntry& entry(const std::string& name) const;
  /// Little-endian bytes of a tensor, row-major. @throws InputError when the storage is damaged
  Bytes read(const std::string& name) const;

  class Storages;  ///< where the bytes lie; one kind for each format

 private:
  fs::path path_;
  std::map<std::string, TorchTensorEntry> tensors_;
  std::map<std::string, TorchExtra> extras_;
  std::unique_ptr<Storages> storages_;
};

/// Writes a state dictionary that torch.load reads (also with weights_only=True): an OrderedDict of contiguous tensors
/// in the given order, as torch.save does.
/// @throws UsageError on duplicate names or sizes that do not fit the shape, RunError when writing fails
void write_torch_archive(const fs::path& path, const std::vector<TensorView>& tensors);

}  // namespace assemble
