// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// CRC-32C (Castagnoli), by which TFRecord files, TensorFlow checkpoints and manifests find damage.
/// @param crc of the bytes before these
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t crc = 0);

/// What a file holds, as 32 hexadecimal digits: two files with the same digits hold the same bytes. XXH3 with 128 bits:
/// chance will not make two files meet (2^-128 a pair). It is no protection against someone who makes two files meet on
/// purpose.
/// @throws InputError when it cannot be read
std::string content_hash(const fs::path& file);
/// The same of bytes in memory.
std::string content_hash(std::span<const uint8_t> bytes);

/// SHA-256 (FIPS 180-4) of a file, as 64 hexadecimal digits: what `sha256sum` prints.
/// @throws InputError when it cannot be read
std::string sha256(const fs::path& file);

}  // namespace assemble
