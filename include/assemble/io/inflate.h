// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// Does the file begin as a GZIP or ZLIB stream does? (TFRecords may, by chance, begin as a ZLIB stream: look for a
/// record first.)
bool is_deflated(std::span<const uint8_t> first_bytes);

/// Inflates a GZIP or ZLIB file (as TensorFlow's TFRecordOptions write them) into `target`.
/// @param limit bytes that the inflated file may have
/// @throws InputError naming file and offset for a damaged or truncated stream, or more bytes than allowed; RunError
///         when `target` cannot be written
void inflate_file(const fs::path& source, const fs::path& target, uint64_t limit = uint64_t{1} << 40);

/// Inflates a GZIP or ZLIB stream in memory.
/// @param where file, named in errors
/// @throws InputError for a damaged or truncated stream, or more bytes than `limit`
Bytes inflate_bytes(std::span<const uint8_t> deflated, const std::string& where, uint64_t limit);

}  // namespace assemble
