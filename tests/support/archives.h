// SPDX-License-Identifier: Apache-2.0
// Archives made in tests.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <zip.h>
#include <zlib.h>

#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"

namespace assemble::test {

using Files = std::vector<std::pair<std::string, Bytes>>;

inline Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// Writes without waiting for the disk, as tests of many files want it.
inline void put(const fs::path& path, std::span<const uint8_t> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

/// @param gzipped .tar.gz
inline void write_tar(const fs::path& path, const Files& files, bool gzipped = false) {
  archive* tar = archive_write_new();
  archive_write_set_format_pax_restricted(tar);
  if (gzipped) archive_write_add_filter_gzip(tar);
  archive_write_open_filename(tar, path.c_str());
  for (const auto& [name, bytes] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(tar, entry);
    archive_write_data(tar, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_free(tar);
}

inline void write_zip(const fs::path& path, const Files& files) {
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, bytes] : files) {
    zip_file_add(zip, name.c_str(), zip_source_buffer(zip, bytes.data(), bytes.size(), 0), ZIP_FL_OVERWRITE);
  }
  zip_close(zip);
}

/// @param window_bits 15: ZLIB, 31: GZIP
inline Bytes deflated(const Bytes& bytes, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  Bytes result(deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = result.data();
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

}  // namespace assemble::test
