// SPDX-License-Identifier: Apache-2.0
#include "engines/compiled_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <charconv>
#include <span>
#include <streambuf>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"

namespace assemble {
namespace {

constexpr std::string_view kMagic = "assemble compiled model 3\n";
constexpr size_t kHead = 4096;
constexpr size_t kChecksumDigits = 10;

std::string format_checksum(uint32_t checksum) {
  std::string digits = concat(checksum);
  return std::string(kChecksumDigits - digits.size(), '0') + digits + "\n";
}

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string hex(uint64_t number) {
  char digits[16];
  return {digits, std::to_chars(digits, digits + sizeof digits, number, 16).ptr};
}

/// FNV-1a: names files only; the key itself is in the file.
uint64_t hash(const std::string& text) {
  uint64_t value = 14695981039346656037u;
  for (const unsigned char c : text) value = (value ^ c) * 1099511628211u;
  return value;
}

/// The checksum of a compiled model begins behind its first 4 KiB and ends with them, which are written last.
uint32_t checksum(std::span<const uint8_t> model) {
  const size_t head = std::min(model.size(), kHead);
  return crc32c(model.first(head), crc32c(model.subspan(head)));
}

/// What fills a start of so many bytes up to where a compiled model begins.
std::string padding(size_t start) { return std::string((kHead - start % kHead) % kHead, '\0'); }

/// Passes what is written on to a file and computes its checksum.
class CheckedBuffer : public std::streambuf {
 public:
  explicit CheckedBuffer(AtomicFile& file) : file_(file), begin_(file.position()) {}

  uint32_t checksum() const { return crc32c(as_bytes(head_), crc_); }

 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    const std::string_view bytes(text, static_cast<size_t>(count));
    const size_t end = file_.position() - begin_;
    if (position_ == end) {
      file_.write(bytes);
      const size_t of_head = std::min(bytes.size(), kHead - head_.size());
      head_ += bytes.substr(0, of_head);
      crc_ = crc32c(as_bytes(bytes.substr(of_head)), crc_);
    } else if (position_ + bytes.size() <= head_.size()) {
      file_.write_at(begin_ + position_, as_bytes(bytes));
      head_.replace(position_, bytes.size(), bytes);
    } else {
      throw RunError("compiled model", concat("is overwritten at byte ", position_, ", expected below ", kHead));
    }
    position_ += bytes.size();
    return count;
  }
  int_type overflow(int_type character) override {
    if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
    const char byte = traits_type::to_char_type(character);
    xsputn(&byte, 1);
    return character;
  }
  pos_type seekoff(off_type offset, std::ios::seekdir from, std::ios::openmode) override {
    const auto end = static_cast<off_type>(file_.position() - begin_);
    if (from == std::ios::cur) offset += static_cast<off_type>(position_);
    if (from == std::ios::end) offset += end;
    if (offset < 0 || offset > end) return pos_type(off_type(-1));
    position_ = static_cast<size_t>(offset);
    return pos_type(offset);
  }
  pos_type seekpos(pos_type position, std::ios::openmode mode) override {
    return seekoff(position, std::ios::beg, mode);
  }

 private:
  AtomicFile& file_;
  const uint64_t begin_;
  size_t position_ = 0;
  std::string head_;
  uint32_t crc_ = 0;  ///< of what follows the head
};

}  // namespace

void forget_mapped(std::span<const uint8_t> bytes) {
  ::madvise(const_cast<uint8_t*>(bytes.data()), bytes.size(), MADV_DONTNEED);
}

ForgetWhileRead::ForgetWhileRead(std::span<const uint8_t> bytes)
    : forgetting_([bytes](const std::stop_token& stop) {
        constexpr std::chrono::milliseconds kPause(2);
        for (; !stop.stop_requested(); std::this_thread::sleep_for(kPause)) forget_mapped(bytes);
        forget_mapped(bytes);
      }) {}

CompiledCache::CompiledCache(const fs::path& folder, const std::string& key) : key_(key) {
  if (!folder.empty()) path_ = folder / (hex(hash(key)) + ".compiled");
}

// Magic, key's length and checksum as lines of text, key, zeros up to a multiple of 4 KiB, compiled model.
std::optional<CompiledCache::Kept> CompiledCache::open() const {
  std::error_code ignored;
  if (path_.empty() || !fs::exists(path_, ignored)) return {};
  Kept kept{std::make_unique<MappedFile>(path_), {}};
  const std::span<const uint8_t> bytes = kept.file->bytes();
  const std::string expected = concat(kMagic, key_.size(), "\n");
  const size_t length = expected.size() + kChecksumDigits + 1 + key_.size(), begin = length + padding(length).size();
  if (bytes.size() < begin) return {};
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), length);
  if (!start.starts_with(expected) || !start.ends_with(key_)) return {};
  kept.model = bytes.subspan(begin);
  const bool whole = start.substr(expected.size(), kChecksumDigits + 1) == format_checksum(checksum(kept.model));
  forget_mapped(bytes);
  if (whole) return kept;
  log_warning(concat(path_.string(), " is damaged: compiling anew"));
  return {};
}

void CompiledCache::write(const std::function<void(std::ostream&)>& write_compiled) const {
  try {
    make_directories(path_.parent_path());
    AtomicFile file(path_);
    file.write(concat(kMagic, key_.size(), "\n"));
    const uint64_t place = file.position();
    file.write(format_checksum(0));
    file.write(key_);
    file.write(padding(file.position()));
    CheckedBuffer buffer(file);
    std::ostream stream(&buffer);
    stream.exceptions(std::ios::badbit | std::ios::failbit);  // passes the buffer's own errors on
    write_compiled(stream);
    file.write_at(place, as_bytes(format_checksum(buffer.checksum())));
    file.commit();
  } catch (const std::exception& error) {
    log_warning(concat("the compiled model is not kept: ", error.what()));
  }
}

}  // namespace assemble
