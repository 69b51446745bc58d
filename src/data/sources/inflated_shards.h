// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Does the file begin as a GZIP or ZLIB stream does?
bool has_deflated_start(const fs::path& path);

/// Readable stand-ins for compressed files, which have no random access: inflated copies among the system's temporary
/// files (TMPDIR), removed at the end.
class InflatedShards {
 public:
  /// @throws InputError for damaged files, RunError when there is no room
  InflatedShards(const std::vector<fs::path>& shards, const std::function<bool(const fs::path&)>& is_compressed);
  ~InflatedShards();
  InflatedShards(const InflatedShards&) = delete;
  InflatedShards& operator=(const InflatedShards&) = delete;

  /// One a shard: itself, or its inflated copy.
  const std::vector<fs::path>& readable() const { return readable_; }

 private:
  void remove();

  std::vector<fs::path> readable_;
  fs::path folder_;
};

}  // namespace assemble
