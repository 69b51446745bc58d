// SPDX-License-Identifier: Apache-2.0
#include "builders/tar_walk.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "sources/listing.h"

namespace assemble::raw {
namespace {

constexpr size_t kBlock = 4096;  // little more than the headers, which is all that is read of an index

}  // namespace

/// A part of a file as libarchive reads it: what lies between headers is skipped, not read.
struct TarWalk::Stream {
  Stream(const fs::path& path, uint64_t start, uint64_t bytes)
      : file(path), begin(start), size(std::min(bytes, file.size() - std::min(start, file.size()))), block(kBlock) {}

  static la_ssize_t read(archive*, void* self, const void** buffer) {
    auto& stream = *static_cast<Stream*>(self);
    const size_t count = std::min<uint64_t>(kBlock, stream.size - stream.position);
    try {
      stream.file.read(stream.begin + stream.position, std::span(stream.block).first(count));
    } catch (const Error&) {
      return -1;
    }
    stream.position += count;
    *buffer = stream.block.data();
    return static_cast<la_ssize_t>(count);
  }

  static la_int64_t skip(archive*, void* self, la_int64_t request) {
    auto& stream = *static_cast<Stream*>(self);
    const auto count = std::min<uint64_t>(static_cast<uint64_t>(request), stream.size - stream.position);
    stream.position += count;
    return static_cast<la_int64_t>(count);
  }

  RandomAccessFile file;
  uint64_t begin;
  uint64_t size;
  uint64_t position = 0;
  Bytes block;
  std::unique_ptr<archive, decltype(&archive_read_free)> tar{archive_read_new(), archive_read_free};
  archive_entry* entry = nullptr;
  bool deflated = false;
};

TarWalk::TarWalk(const fs::path& file) : TarWalk(file, 0, UINT64_MAX, file.string()) {}

TarWalk::TarWalk(const fs::path& file, uint64_t offset, uint64_t length, std::string where)
    : stream_(std::make_unique<Stream>(file, offset, length)), archive_(std::move(where)) {
  archive* tar = stream_->tar.get();
  archive_read_support_format_tar(tar);
  archive_read_support_filter_gzip(tar);
  archive_read_set_callback_data(tar, stream_.get());
  archive_read_set_read_callback(tar, Stream::read);
  archive_read_set_skip_callback(tar, Stream::skip);
  if (stream_->size == 0) fail("is empty");
  if (archive_read_open1(tar) != ARCHIVE_OK) fail("is no tar archive");
  stream_->deflated = archive_filter_count(tar) > 1;
}

TarWalk::~TarWalk() = default;

bool TarWalk::next() {
  archive* tar = stream_->tar.get();
  for (;;) {
    const int status = archive_read_next_header(tar, &stream_->entry);
    if (status == ARCHIVE_EOF) return false;
    const char* name = status < ARCHIVE_WARN ? nullptr : archive_entry_pathname(stream_->entry);
    if (name == nullptr) {
      const char* reason = archive_error_string(tar);
      fail(concat("is damaged or cut short near byte ", archive_read_header_position(tar),
                  reason == nullptr ? "" : concat(" (", reason, ')')));
    }
    if (archive_entry_filetype(stream_->entry) == AE_IFDIR || holds_debris(name)) continue;
    name_ = one_line(name);
    offset_ = static_cast<uint64_t>(archive_filter_bytes(tar, 0)) + stream_->begin;
    length_ = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(stream_->entry), 0));
    if (archive_entry_filetype(stream_->entry) != AE_IFREG || archive_entry_hardlink(stream_->entry) != nullptr ||
        archive_entry_sparse_count(stream_->entry) > 0) {
      fail("'" + name_ + "' is no plain file");
    }
    const uint64_t end = stream_->begin + stream_->size;
    if (!stream_->deflated && (offset_ > end || length_ > end - offset_)) {
      fail(concat("was cut short: '", name_, "' has ", length_, " bytes from byte ", offset_, " on, and the end is at ",
                  end));
    }
    return true;
  }
}

Bytes TarWalk::read(uint64_t limit) {
  if (length_ > limit) throw InputError(where(), concat("has ", length_, " bytes, expected at most ", limit));
  Bytes bytes(length_);
  const la_ssize_t count = archive_read_data(stream_->tar.get(), bytes.data(), bytes.size());
  if (count != static_cast<la_ssize_t>(bytes.size())) fail("was cut short or is damaged in '" + name_ + "'");
  return bytes;
}

std::string TarWalk::where() const { return concat(archive_, " (", name_, ')'); }

void TarWalk::fail(const std::string& what) const {
  throw InputError(archive_, what, "download the archive again and compare its checksum with the published one");
}

}  // namespace assemble::raw
