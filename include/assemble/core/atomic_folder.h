// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/file.h"

namespace assemble {

/// A folder that appears whole or not at all: filled under a temporary name beside its target (".NAME.tmp-PID"), and
/// renamed by commit(). Destroyed without commit, it leaves nothing; what killed processes left of the same target is
/// removed. A symbolic link stays: the folder that it names is filled.
class AtomicFolder {
 public:
  /// @throws UsageError for an empty path, and when there is something else than an empty folder; RunError when the
  /// folder above cannot be written
  explicit AtomicFolder(const fs::path& path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where it is filled until commit().
  const fs::path& staged() const { return staged_; }
  /// @throws RunError when it cannot be renamed, as when something came into its place meanwhile
  void commit();

 private:
  fs::path path_, staged_;
  int descriptor_ = -1;  ///< of the staged folder, locked
};

}  // namespace assemble
