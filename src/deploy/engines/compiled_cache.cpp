// SPDX-License-Identifier: Apache-2.0
#include "compiled_cache.h"

#include <cstring>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/io/tfrecord.h"

namespace assemble {
namespace {

constexpr std::string_view kMagic = "assemble compiled model 1\n";

std::string hex(uint64_t number) {
  std::ostringstream text;
  text << std::hex << number;
  return text.str();
}

/// FNV-1a: names files only; the key itself is in the file.
uint64_t hash(const std::string& text) {
  uint64_t value = 14695981039346656037u;
  for (const unsigned char c : text) value = (value ^ c) * 1099511628211u;
  return value;
}

}  // namespace

CompiledCache::CompiledCache(const fs::path& folder, const std::string& key) : key_(key) {
  if (!folder.empty()) path_ = folder / (hex(hash(key)) + ".compiled");
}

// Magic, key's length and checksum as a line of text, key, compiled model.
std::optional<std::string> CompiledCache::read() const {
  if (path_.empty() || !fs::exists(path_)) return {};
  try {
    const Bytes file = read_file(path_);
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    const size_t line = text.find('\n', kMagic.size());
    const std::string header = concat(kMagic, key_.size(), " ");
    if (line == text.npos || text.substr(0, header.size()) != header) return {};
    const std::string_view content = text.substr(line + 1);
    const std::string_view checksum = text.substr(header.size(), line - header.size());
    const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
    if (checksum != concat(crc32c({bytes, content.size()}))) {
      log_warning(concat(path_.string(), " is damaged: compiling anew"));
      return {};
    }
    if (content.substr(0, key_.size()) != key_) return {};
    return std::string(content.substr(key_.size()));
  } catch (const Error& error) {
    log_warning(error.what());
    return {};
  }
}

void CompiledCache::write(const std::string& compiled) const {
  try {
    make_directories(path_.parent_path());
    const std::string content = key_ + compiled;
    const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
    AtomicFile file(path_);
    file.write(concat(kMagic, key_.size(), " ", crc32c({bytes, content.size()}), "\n"));
    file.write(content);
    file.commit();
  } catch (const Error& error) {
    log_warning(concat("the compiled model is not kept: ", error.what()));
  }
}

}  // namespace assemble
