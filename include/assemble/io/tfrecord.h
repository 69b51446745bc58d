// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// The rotation ("masking") of a CRC-32C as TFRecord files and TensorFlow checkpoints store it.
uint32_t mask_crc(uint32_t crc);
uint32_t unmask_crc(uint32_t masked);

/// Place of a record's data in a TFRecord file.
struct RecordSpan {
  uint64_t offset = 0;  ///< of the data, bytes from the file's start
  uint64_t length = 0;  ///< of the data, bytes
};

/// Uncompressed TFRecord file: length (u64), masked CRC of the length, data, masked CRC of the data.
class TfRecordReader {
 public:
  explicit TfRecordReader(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  /// Finds every record by its length header without reading the data.
  /// @throws InputError naming file, record and offset at a bad length checksum or a truncated tail
  std::vector<RecordSpan> index() const;
  /// Like index(), but keeps the records before the first defect; the defect's message goes to `defect`.
  std::vector<RecordSpan> index(std::string* defect) const;
  /// Finds every record that can be found: behind a damaged header the next header whose checksum matches is searched
  /// for. What was passed over goes to `defects`, each with file and offset.
  std::vector<RecordSpan> recover(std::vector<std::string>* defects) const;
  /// Reads one record found by index() and checks its data checksum.
  /// @throws InputError naming file and offset
  Bytes read(const RecordSpan& record) const;

 private:
  RandomAccessFile file_;
};

/// Writes a TFRecord file atomically.
class TfRecordWriter {
 public:
  explicit TfRecordWriter(const fs::path& path);
  void write(std::span<const uint8_t> record);
  void commit();

 private:
  AtomicFile file_;
};

/// Wraps data as one record (used by TfRecordWriter and by TensorBoard event files).
Bytes frame_record(std::span<const uint8_t> data);

}  // namespace assemble
