// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/checksum.h"

#define XXH_INLINE_ALL
#include <isa-l/crc.h>
#include <xxhash.h>

#include <algorithm>

namespace assemble {
namespace {

std::string digits_of(XXH128_hash_t hash) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, hash);
  std::string digits;
  for (const unsigned char byte : digest.digest)
    digits += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return digits;
}

}  // namespace

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t crc) {
  constexpr size_t kCall = size_t{1} << 30;  // ISA-L counts bytes in an int
  crc = ~crc;
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kCall);
    // ISA-L only reads the buffer, though its signature lacks const.
    crc = crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(count), crc);
    bytes = bytes.subspan(count);
  }
  return ~crc;
}

std::string content_hash(const fs::path& file) {
  constexpr uint64_t kPart = uint64_t{1} << 20;
  const RandomAccessFile reader(file);
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  Bytes part(std::min(kPart, reader.size()));
  for (uint64_t offset = 0; offset < reader.size(); offset += part.size()) {
    part.resize(std::min(kPart, reader.size() - offset));
    reader.read(offset, part);
    XXH3_128bits_update(&state, part.data(), part.size());
  }
  return digits_of(XXH3_128bits_digest(&state));
}

std::string content_hash(std::span<const uint8_t> bytes) { return digits_of(XXH3_128bits(bytes.data(), bytes.size())); }

}  // namespace assemble
