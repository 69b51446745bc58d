// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "assemble/core/error.h"

namespace assemble {
namespace {

constexpr size_t kChunk = size_t{1} << 18;
constexpr int kGzipOrZlib = 32 + 15;  // recognised by its header, window of 2^15 bytes

class Inflater {
 public:
  explicit Inflater(const fs::path& source) : file_(source), input_(kChunk), output_(kChunk) {
    if (inflateInit2(&stream_, kGzipOrZlib) != Z_OK) throw RunError(source.string(), "zlib cannot be started");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  void run(AtomicFile& target, uint64_t limit) {
    for (uint64_t offset = 0; offset < file_.size();) {
      const size_t count = std::min<uint64_t>(kChunk, file_.size() - offset);
      file_.read(offset, std::span(input_).first(count));
      stream_.next_in = input_.data();
      stream_.avail_in = static_cast<uInt>(count);
      do {
        step(target, offset + count - stream_.avail_in);
        if (target.position() > limit) fail(offset, concat("inflates to more than ", limit, " bytes"));
      } while (stream_.avail_in > 0 || (stream_.avail_out == 0 && !ended_));
      offset += count;
    }
    if (!ended_) fail(file_.size(), "the compressed stream ends too early");
  }

 private:
  void step(AtomicFile& target, uint64_t offset) {
    // GZIP files may be several streams one after the other.
    if (ended_ && inflateReset(&stream_) != Z_OK) fail(offset, "damaged");
    stream_.next_out = output_.data();
    stream_.avail_out = static_cast<uInt>(kChunk);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const bool waits_for_input = status == Z_BUF_ERROR && stream_.avail_in == 0;
    if (status != Z_OK && status != Z_STREAM_END && !waits_for_input) {
      fail(offset, concat("damaged compressed data", stream_.msg == nullptr ? "" : concat(": ", stream_.msg)));
    }
    ended_ = status == Z_STREAM_END;
    target.write(std::span<const uint8_t>(output_).first(kChunk - stream_.avail_out));
  }

  [[noreturn]] void fail(uint64_t offset, const std::string& what) const {
    throw InputError(concat(file_.path().string(), " near offset ", offset), what, "copy or build it again");
  }

  RandomAccessFile file_;
  Bytes input_;
  Bytes output_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

bool is_deflated(std::span<const uint8_t> bytes) {
  if (bytes.size() < 2) return false;
  const bool gzip = bytes[0] == 0x1F && bytes[1] == 0x8B;
  const bool zlib = (bytes[0] & 0x0F) == 8 && (bytes[0] >> 4) <= 7 && (bytes[0] * 256 + bytes[1]) % 31 == 0;
  return gzip || zlib;
}

Bytes inflate_bytes(std::span<const uint8_t> deflated, const std::string& where, uint64_t limit) {
  const auto fail = [&](const std::string& what) { throw InputError(where, what, "copy it again"); };
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) throw RunError(where, "zlib cannot be started");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  stream.next_in = const_cast<uint8_t*>(deflated.data());
  stream.avail_in = static_cast<uInt>(deflated.size());
  Bytes bytes;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const size_t begin = bytes.size();
    if (begin > limit) fail(concat("inflates to more than ", limit, " bytes"));
    bytes.resize(begin + kChunk);
    stream.next_out = bytes.data() + begin;
    stream.avail_out = static_cast<uInt>(kChunk);
    status = inflate(&stream, Z_NO_FLUSH);
    bytes.resize(begin + kChunk - stream.avail_out);
    if (status == Z_BUF_ERROR) fail("the compressed stream ends too early");
    if (status != Z_OK && status != Z_STREAM_END) fail("damaged compressed data");
  }
  return bytes;
}

void inflate_file(const fs::path& source, const fs::path& target, uint64_t limit) {
  AtomicFile file(target);
  Inflater(source).run(file, limit);
  file.commit();
}

}  // namespace assemble
