// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a PyTorch file's tensors lie.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "assemble/io/torch_archive.h"
#include "pickle.h"

namespace assemble {

/// Bytes of the storages of a file.
class TorchArchive::Storages {
 public:
  virtual ~Storages() = default;
  /// The object that was saved; lives as long as this.
  virtual const pickle::Value& load() = 0;
  /// Whole storage. @throws InputError when it is not there or damaged
  virtual Bytes read(const std::string& key) const = 0;
  /// Bytes that read() would give. @throws InputError when it is not there
  virtual uint64_t size(const std::string& key) const = 0;
  virtual bool big_endian() const { return false; }
};

/// The format since PyTorch 1.6, and TorchScript's.
std::unique_ptr<TorchArchive::Storages> open_zip_storages(const fs::path& path);
/// The format before.
std::unique_ptr<TorchArchive::Storages> open_legacy_storages(const fs::path& path);

}  // namespace assemble
