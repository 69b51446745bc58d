// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tfrecord.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"

namespace assemble {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read and written in the processor's byte order");

constexpr uint64_t kHeader = 12;  // length, its checksum
constexpr uint64_t kTrailer = 4;  // checksum of the data
constexpr uint32_t kMaskDelta = 0xA282EAD8u;

template <typename T>
T load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void append(Bytes& bytes, T value) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof(T));
}

std::string place(const fs::path& path, uint64_t record, uint64_t offset) {
  return concat(path.string(), " record ", record, " at offset ", offset);
}

/// Header of the record at `offset`.
RecordSpan read_header(const RandomAccessFile& file, uint64_t record, uint64_t offset) {
  const uint64_t left = file.size() - offset;
  if (left < kHeader + kTrailer) {
    throw InputError(place(file.path(), record, offset),
                     concat("the file ends ", left, " bytes into the record, expected at least ", kHeader + kTrailer),
                     "the file is truncated: copy or build it again");
  }
  std::array<uint8_t, kHeader> header;
  file.read(offset, header);
  if (unmask_crc(load<uint32_t>(header.data() + 8)) != crc32c(std::span(header).first(8))) {
    throw InputError(place(file.path(), record, offset), "the checksum of the record's length does not match",
                     "the file is damaged, compressed, or not a TFRecord file");
  }
  const auto length = load<uint64_t>(header.data());
  if (length > left - kHeader - kTrailer) {
    throw InputError(place(file.path(), record, offset),
                     concat("the record's data has ", length, " bytes, but only ", left - kHeader, " bytes are left"),
                     "the file is truncated: copy or build it again");
  }
  return {offset + kHeader, length};
}

void index_into(const RandomAccessFile& file, std::vector<RecordSpan>& records) {
  for (uint64_t offset = 0; offset < file.size();) {
    records.push_back(read_header(file, records.size(), offset));
    offset = records.back().offset + records.back().length + kTrailer;
  }
}

/// The first offset from `from` on where a header with a matching checksum stands, with room for its data; the file's
/// size when there is none.
uint64_t find_header(const RandomAccessFile& file, uint64_t from) {
  Bytes chunk(size_t{1} << 20);
  while (file.size() - from >= kHeader + kTrailer) {
    const size_t count = std::min<uint64_t>(chunk.size(), file.size() - from);
    file.read(from, std::span(chunk).first(count));
    for (size_t i = 0; i + kHeader <= count; ++i) {
      // Most places are ruled out by a length that does not fit.
      const auto length = load<uint64_t>(chunk.data() + i);
      const uint64_t left = file.size() - from - i;
      if (left < kHeader + kTrailer || length > left - kHeader - kTrailer) continue;
      const auto checksum = load<uint32_t>(chunk.data() + i + 8);
      if (unmask_crc(checksum) == crc32c(std::span(chunk).subspan(i, 8))) return from + i;
    }
    from += count - std::min<uint64_t>(count, kHeader - 1);
    if (count < chunk.size()) break;
  }
  return file.size();
}

}  // namespace

uint32_t mask_crc(uint32_t crc) { return std::rotr(crc, 15) + kMaskDelta; }

uint32_t unmask_crc(uint32_t masked) { return std::rotl(masked - kMaskDelta, 15); }

TfRecordReader::TfRecordReader(const fs::path& path) : file_(path) {}

std::vector<RecordSpan> TfRecordReader::index() const {
  std::vector<RecordSpan> records;
  index_into(file_, records);
  return records;
}

std::vector<RecordSpan> TfRecordReader::index(std::string* defect) const {
  std::vector<RecordSpan> records;
  try {
    index_into(file_, records);
  } catch (const InputError& error) {
    *defect = error.what();
  }
  return records;
}

std::vector<RecordSpan> TfRecordReader::recover(std::vector<std::string>* defects) const {
  std::vector<RecordSpan> records;
  for (uint64_t offset = 0; offset < file_.size();) {
    try {
      records.push_back(read_header(file_, records.size(), offset));
      offset = records.back().offset + records.back().length + kTrailer;
    } catch (const InputError& error) {
      const uint64_t next = find_header(file_, offset + 1);
      defects->push_back(concat(error.what(), "; ", next - offset, " bytes are passed over"));
      offset = next;
    }
  }
  return records;
}

Bytes TfRecordReader::read(const RecordSpan& record) const {
  const std::string where = concat(path().string(), " at offset ", record.offset);
  if (record.offset > file_.size() || record.length > file_.size() - record.offset ||
      file_.size() - record.offset - record.length < kTrailer) {
    throw InputError(where, concat("the record of ", record.length, " bytes ends behind the file's ", file_.size()),
                     "the file is truncated: copy or build it again");
  }
  Bytes data(record.length + kTrailer);
  file_.read(record.offset, data);
  const auto stored = load<uint32_t>(data.data() + record.length);
  data.resize(record.length);
  if (unmask_crc(stored) != crc32c(data)) {
    throw InputError(where, concat("the checksum of the record's ", record.length, " bytes does not match"),
                     "the file is damaged: copy or build it again");
  }
  return data;
}

TfRecordWriter::TfRecordWriter(const fs::path& path) : file_(path) {}

void TfRecordWriter::write(std::span<const uint8_t> record) { file_.write(frame_record(record)); }

void TfRecordWriter::commit() { file_.commit(); }

Bytes frame_record(std::span<const uint8_t> data) {
  Bytes frame;
  frame.reserve(data.size() + kHeader + kTrailer);
  append(frame, static_cast<uint64_t>(data.size()));
  append(frame, mask_crc(crc32c(frame)));
  frame.insert(frame.end(), data.begin(), data.end());
  append(frame, mask_crc(crc32c(data)));
  return frame;
}

}  // namespace assemble
