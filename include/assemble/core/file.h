// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assemble {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

/// Reads a whole file.
/// @throws InputError when it cannot be read or is larger than `limit` bytes
Bytes read_file(const fs::path& path, uint64_t limit = uint64_t{1} << 40);

/// A file open for reading at any offset, from any thread (pread).
class RandomAccessFile {
 public:
  /// @throws InputError when it cannot be opened
  explicit RandomAccessFile(const fs::path& path);
  ~RandomAccessFile();
  RandomAccessFile(RandomAccessFile&& other) noexcept;
  RandomAccessFile& operator=(RandomAccessFile&&) = delete;

  const fs::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  /// Fills `out` from `offset`.
  /// @throws InputError naming file and offset when fewer bytes are there
  void read(uint64_t offset, std::span<uint8_t> out) const;

 private:
  fs::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// A file's bytes as memory, read from the disk where they are looked at.
class MappedFile {
 public:
  /// @throws InputError when it cannot be opened or mapped
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Valid while this lives, also when the file is removed meanwhile.
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

/// A file that appears whole or not at all: written under a temporary name beside its target, then flushed (fsync) and
/// renamed by commit(). Destroyed without commit, it leaves nothing. A symbolic link stays: the file it names is
/// replaced. A device or a pipe is written in place.
class AtomicFile {
 public:
  /// @throws RunError when the folder is not writable
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// @throws RunError when the disk is full or writing fails
  void write(std::span<const uint8_t> bytes);
  void write(std::string_view text);
  /// Overwrites bytes written before, at `offset`.
  void write_at(uint64_t offset, std::span<const uint8_t> bytes);
  uint64_t position() const { return position_; }
  /// @param flush off: the file still appears whole or not at all when the process dies, but not when the machine does;
  ///        many times faster for many small files
  /// @throws RunError when flushing or renaming fails
  void commit(bool flush = true);

 private:
  fs::path path_;
  fs::path temporary_;  ///< empty when written in place, or once committed
  int descriptor_ = -1;
  uint64_t position_ = 0;
};

/// Writes a whole file through AtomicFile.
void write_file(const fs::path& path, std::string_view text);
void write_file(const fs::path& path, std::span<const uint8_t> bytes);

/// Creates a folder and its parents.
/// @throws RunError saying which part cannot be created
void make_directories(const fs::path& path);

/// Removes the temporary files (".NAME.tmp-PID") that killed processes left in `folder`. Those still being written are
/// kept: their writers hold a lock on them.
void remove_stale_temporaries(const fs::path& folder);

}  // namespace assemble
