// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "assemble/core/file.h"

namespace assemble::raw {

/// Walks through the regular files of a tar archive as it was published, in the order stored: of a plain one that lies
/// anywhere in a file, or of a gzipped file. Anything but files and folders is an error, and so is damage, since a
/// published archive has neither; what systems leave beside data (see is_debris) is passed over.
class TarWalk {
 public:
  /// @throws InputError when it cannot be opened
  explicit TarWalk(const fs::path& file);
  /// @param where named in errors
  TarWalk(const fs::path& file, uint64_t offset, uint64_t length, std::string where);
  ~TarWalk();
  TarWalk(const TarWalk&) = delete;
  TarWalk& operator=(const TarWalk&) = delete;

  /// @return false at the end
  /// @throws InputError naming archive, member and byte for damage, an archive cut short, or a link
  bool next();

  /// Of the member that next() came to. UTF-8, on one line.
  const std::string& name() const { return name_; }
  /// The part of the name behind its last '/'.
  std::string base_name() const { return fs::path(name_).filename().string(); }
  /// Of its bytes in the file; of a gzipped one in what it inflates to.
  uint64_t offset() const { return offset_; }
  uint64_t length() const { return length_; }
  /// @throws InputError for more bytes than `limit`, or damage
  Bytes read(uint64_t limit);
  /// Archive and member, for errors.
  std::string where() const;

 private:
  struct Stream;
  [[noreturn]] void fail(const std::string& what) const;

  std::unique_ptr<Stream> stream_;
  std::string archive_;
  std::string name_;
  uint64_t offset_ = 0;
  uint64_t length_ = 0;
};

}  // namespace assemble::raw
