// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/checksum.h"

#define XXH_INLINE_ALL
#include <isa-l/crc.h>
#include <sha2.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

namespace assemble {
namespace {

std::string digits_of(std::span<const uint8_t> digest) {
  std::string digits;
  for (const uint8_t byte : digest) digits += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return digits;
}

std::string digits_of(XXH128_hash_t hash) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, hash);
  return digits_of(digest.digest);
}

/// Shows a file's bytes to `see`, a part at a time.
template <typename See>
void for_each_part(const fs::path& file, const See& see) {
  constexpr uint64_t kPart = uint64_t{1} << 20;
  const RandomAccessFile reader(file);
  Bytes part(std::min(kPart, reader.size()));
  for (uint64_t offset = 0; offset < reader.size(); offset += part.size()) {
    part.resize(std::min(kPart, reader.size() - offset));
    reader.read(offset, part);
    see(part);
  }
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
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  for_each_part(file, [&](const Bytes& part) { XXH3_128bits_update(&state, part.data(), part.size()); });
  return digits_of(XXH3_128bits_digest(&state));
}

std::string sha256(const fs::path& file) {
  SHA2_CTX state;
  SHA256Init(&state);
  for_each_part(file, [&](const Bytes& part) { SHA256Update(&state, part.data(), part.size()); });
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256Final(digest.data(), &state);
  return digits_of(digest);
}

std::string content_hash(std::span<const uint8_t> bytes) { return digits_of(XXH3_128bits(bytes.data(), bytes.size())); }

}  // namespace assemble
