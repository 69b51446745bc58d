// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// One compiled model in a folder: a file named after what it was made from, with a checksum. A file that is damaged or was
/// made from something else is as good as none.
class CompiledCache {
 public:
  /// @param folder empty: nothing is read or kept
  /// @param key all that the compiled model depends on
  CompiledCache(const fs::path& folder, const std::string& key);

  const fs::path& path() const { return path_; }
  std::optional<std::string> read() const;
  /// A folder that cannot be written is a warning.
  void write(const std::string& compiled) const;

 private:
  fs::path path_;
  std::string key_;
};

}  // namespace assemble
