// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Many files of which only some are open at a time: those used last. Safe to use from many threads; a handle that is
/// closed here stays usable for whoever holds it.
/// @tparam Handle constructible from a path, for example RandomAccessFile
template <typename Handle>
class HandleCache {
 public:
  /// @param limit handles kept open, at least 1
  explicit HandleCache(std::vector<fs::path> paths, size_t limit = 64)
      : paths_(std::move(paths)), entries_(paths_.size()), limit_(limit) {}

  size_t size() const { return paths_.size(); }
  const fs::path& path(size_t index) const { return paths_.at(index); }

  /// @throws whatever opening the file throws
  std::shared_ptr<const Handle> get(size_t index) const {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(index);
    if (!entry.handle) {
      if (open_.size() >= limit_) close_oldest();
      entry.handle = std::make_shared<const Handle>(paths_[index]);
      open_.push_back(index);
    }
    entry.used = ++clock_;
    return entry.handle;
  }

 private:
  struct Entry {
    std::shared_ptr<const Handle> handle;
    uint64_t used = 0;
  };

  void close_oldest() const {
    size_t oldest = 0;
    for (size_t i = 1; i < open_.size(); ++i) {
      if (entries_[open_[i]].used < entries_[open_[oldest]].used) oldest = i;
    }
    entries_[open_[oldest]].handle.reset();
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(oldest));
  }

  std::vector<fs::path> paths_;
  mutable std::mutex mutex_;
  mutable std::vector<Entry> entries_;
  mutable std::vector<size_t> open_;
  mutable uint64_t clock_ = 0;
  size_t limit_;
};

}  // namespace assemble
