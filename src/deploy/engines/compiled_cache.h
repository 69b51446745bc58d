// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "assemble/core/file.h"

namespace assemble {

/// Gives back the memory that a mapped file's bytes take since they were looked at; where they are again, they are read
/// from the file again.
void forget_mapped(std::span<const uint8_t> bytes);

/// Does so again and again while it lives: what is read once, such as weights that are copied into another layout, is then
/// never in memory twice.
class ForgetWhileRead {
 public:
  explicit ForgetWhileRead(std::span<const uint8_t> bytes);

 private:
  std::jthread forgetting_;
};

/// One compiled model in a folder: a file named after what it was made from, with a checksum. A file that is damaged or
/// was made from something else is as good as none. Compiled models go from and to the disk without a copy in memory.
class CompiledCache {
 public:
  /// @param folder empty: nothing is read or kept
  /// @param key all that the compiled model depends on
  CompiledCache(const fs::path& folder, const std::string& key);

  const fs::path& path() const { return path_; }
  /// A compiled model as it lies in its file.
  struct Kept {
    std::unique_ptr<MappedFile> file;
    std::span<const uint8_t> model;  ///< at a multiple of 4 KiB
  };
  /// The compiled model, after its checksum was found right.
  std::optional<Kept> open() const;
  /// A folder that cannot be written is a warning.
  /// @param write_compiled may go back and overwrite what it wrote within the first 4 KiB
  void write(const std::function<void(std::ostream&)>& write_compiled) const;

 private:
  fs::path path_;
  std::string key_;
};

}  // namespace assemble
