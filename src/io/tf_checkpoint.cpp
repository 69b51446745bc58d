// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_checkpoint.h"

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <protozero/pbf_reader.hpp>
#include <protozero/varint.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/tfrecord.h"
#include "shape.h"
#include "tf_bundle.h"

namespace assemble {
namespace {

using namespace tf_bundle;
using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr const char* kDamaged = "the checkpoint is damaged or incomplete: copy it again";

/// Our file as leveldb's. Remembers where it was read last, for errors.
class TableFile : public leveldb::RandomAccessFile {
 public:
  explicit TableFile(const fs::path& path) : file_(path) {}

  leveldb::Status Read(uint64_t offset, size_t n, leveldb::Slice* result, char* scratch) const override {
    offset_ = offset;
    *result = leveldb::Slice();
    // leveldb asks for a block's size plus 5, which may have wrapped around.
    if (n < 5 || offset > file_.size() || n > file_.size() - offset) {
      return leveldb::Status::Corruption("a block lies outside of the file");
    }
    try {
      file_.read(offset, std::span(reinterpret_cast<uint8_t*>(scratch), n));
    } catch (const Error& error) {  // leveldb knows no exceptions
      return leveldb::Status::IOError(error.what());
    }
    *result = leveldb::Slice(scratch, n);
    return leveldb::Status::OK();
  }

  uint64_t size() const { return file_.size(); }
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(concat(file_.path().string(), " at offset ", offset_), what, kDamaged);
  }
  void require(const leveldb::Status& status) const {
    if (!status.ok()) fail(concat("is not an intact index: ", status.ToString()));
  }

 private:
  assemble::RandomAccessFile file_;
  mutable uint64_t offset_ = 0;
};

/// A table ends with two handles (offset and size as varints) and a magic number. leveldb takes memory for the block
/// that the second names before it looks at the file's size.
void check_footer(const TableFile& file) {
  constexpr size_t kFooter = 48;
  if (file.size() < kFooter) file.fail(concat("has ", file.size(), " bytes, expected at least ", kFooter));
  std::array<char, kFooter> footer{};
  leveldb::Slice slice;
  file.require(file.Read(file.size() - kFooter, kFooter, &slice, footer.data()));
  const char* position = footer.data();
  std::array<uint64_t, 4> numbers{};
  try {
    for (uint64_t& number : numbers) number = protozero::decode_varint(&position, footer.data() + kFooter - 8);
  } catch (const protozero::exception&) {
    file.fail("has no readable footer");
  }
  const auto [meta_offset, meta_size, index_offset, index_size] = numbers;
  if (index_offset > file.size() || index_size > file.size() - index_offset) {
    file.fail("has a footer that names a block outside of the file");
  }
}

struct BundleHeader {
  int32_t shards = 0;
  int32_t endianness = 0;
  int32_t min_consumer = 0;
};

int32_t parse_min_consumer(pbf_reader message) {
  int32_t version = 0;
  while (message.next(kVersionMinConsumer, pbf_wire_type::varint)) version = message.get_int32();
  return version;
}

BundleHeader parse_header(const leveldb::Slice& value) {
  BundleHeader header;
  pbf_reader message(value.data(), value.size());
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(kHeaderShards, pbf_wire_type::varint):
        header.shards = message.get_int32();
        break;
      case tag_and_type(kHeaderEndianness, pbf_wire_type::varint):
        header.endianness = message.get_enum();
        break;
      case tag_and_type(kHeaderVersion, pbf_wire_type::length_delimited):
        header.min_consumer = parse_min_consumer(message.get_message());
        break;
      default:
        message.skip();
    }
  }
  return header;
}

std::vector<int64_t> parse_shape(pbf_reader message) {
  std::vector<int64_t> shape;
  while (message.next()) {
    if (message.tag_and_type() == tag_and_type(kShapeDim, pbf_wire_type::length_delimited)) {
      int64_t extent = 0;
      for (pbf_reader dim = message.get_message(); dim.next(kDimSize, pbf_wire_type::varint);) extent = dim.get_int64();
      shape.push_back(extent);
    } else {
      message.skip();
    }
  }
  return shape;
}

TfTensorEntry parse_entry(const leveldb::Slice& value) {
  TfTensorEntry entry;
  entry.type = TfDataType{0};
  pbf_reader message(value.data(), value.size());
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(kEntryType, pbf_wire_type::varint):
        entry.type = TfDataType{message.get_enum()};
        break;
      case tag_and_type(kEntryShape, pbf_wire_type::length_delimited):
        entry.shape = parse_shape(message.get_message());
        break;
      case tag_and_type(kEntryShard, pbf_wire_type::varint):
        entry.shard = message.get_int32();
        break;
      case tag_and_type(kEntryOffset, pbf_wire_type::varint):
        entry.offset = message.get_uint64();
        break;
      case tag_and_type(kEntrySize, pbf_wire_type::varint):
        entry.size = message.get_uint64();
        break;
      case tag_and_type(kEntryCrc, pbf_wire_type::fixed32):
        entry.crc = message.get_fixed32();
        break;
      case tag_and_type(kEntrySlices, pbf_wire_type::length_delimited):
        entry.sliced = true;
        message.skip();
        break;
      default:
        message.skip();
    }
  }
  return entry;
}

/// TensorFlow checksums the lengths of strings as numbers, not as the varints that are stored.
uint32_t string_crc(std::span<const uint8_t> stored, const std::vector<int64_t>& shape) {
  uint64_t count = 0;
  if (!byte_count(shape, 1, count)) throw protozero::invalid_length_exception();
  const char* position = reinterpret_cast<const char*>(stored.data());
  const char* const end = position + stored.size();
  uint32_t crc = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t length = protozero::decode_varint(&position, end);
    const size_t width = length <= UINT32_MAX ? 4 : 8;
    crc = crc32c({reinterpret_cast<const uint8_t*>(&length), width}, crc);
  }
  return crc32c({reinterpret_cast<const uint8_t*>(position), static_cast<size_t>(end - position)}, crc);
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t fraction = half & 1023u;
  if (exponent == 0) {  // zero or subnormal: fraction × 2^-24, exact in f32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

float bfloat16_to_float(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

template <typename Stored, typename Convert>
std::vector<float> convert(const Bytes& bytes, Convert convert_one) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert_one(stored);
  }
  return values;
}

}  // namespace

TfCheckpoint::TfCheckpoint(const fs::path& path) : prefix_(find_prefix(path)) {
  try {
    read_index();
  } catch (const std::bad_alloc&) {
    throw InputError(index_path(prefix_).string(), "names a block too large for memory", kDamaged);
  }
}

void TfCheckpoint::read_index() {
  const TableFile file(index_path(prefix_));
  check_footer(file);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* opened = nullptr;
  file.require(leveldb::Table::Open(options, const_cast<TableFile*>(&file), file.size(), &opened));
  const std::unique_ptr<leveldb::Table> table(opened);
  leveldb::ReadOptions reading;
  reading.verify_checksums = true;
  const std::unique_ptr<leveldb::Iterator> item(table->NewIterator(reading));

  BundleHeader header;
  for (item->SeekToFirst(); item->Valid(); item->Next()) {
    const std::string name = item->key().ToString();
    try {
      if (name.empty()) {
        header = parse_header(item->value());
      } else if (name[0] != '\0') {  // keys that begin with 0 name slices of partitioned variables
        tensors_.insert_or_assign(name, parse_entry(item->value()));
      }
    } catch (const protozero::exception& error) {
      file.fail(concat("the entry of '", name, "' cannot be read: ", error.what()));
    }
  }
  file.require(item->status());

  if (header.shards < 1) file.fail("has no bundle header, so it is not a checkpoint's index");
  if (header.endianness != 0) {
    throw InputError(index_path(prefix_).string(), "was written by a big-endian machine, which is not supported");
  }
  if (header.min_consumer > kVersion) {
    throw InputError(index_path(prefix_).string(),
                     concat("needs a reader of version ", header.min_consumer, ", this is version ", kVersion));
  }
  open_shards(header.shards);
}

std::string TfCheckpoint::place(const std::string& name, const TfTensorEntry& entry) const {
  const auto shard = shards_.find(entry.shard);
  const fs::path file = shard == shards_.end() ? index_path(prefix_) : shard->second.path();
  return concat(file.string(), " at offset ", entry.offset, ", tensor '", name, "'");
}

void TfCheckpoint::open_shards(int32_t count) {
  for (const auto& [name, entry] : tensors_) {
    if (entry.sliced) continue;
    if (entry.shard < 0 || entry.shard >= count) {
      throw InputError(place(name, entry), concat("lies in data file ", entry.shard, ", but there are ", count),
                       kDamaged);
    }
    if (!shards_.contains(entry.shard)) {
      const fs::path path = data_path(prefix_, entry.shard, count);
      if (!fs::exists(path)) throw InputError(path.string(), "is missing", kDamaged);
      shards_.emplace(entry.shard, assemble::RandomAccessFile(path));
    }
    const uint64_t file_size = shards_.at(entry.shard).size();
    if (entry.offset > file_size || entry.size > file_size - entry.offset) {
      throw InputError(place(name, entry), concat("takes ", entry.size, " bytes, but the file ends at ", file_size),
                       kDamaged);
    }
    const int64_t element = tf_element_size(entry.type);  // 0: of unknown size, only the extents are checked
    uint64_t bytes = 0;
    if (!byte_count(entry.shape, element, bytes) || (element > 0 && bytes != entry.size)) {
      throw InputError(place(name, entry),
                       concat("shape ", show_shape(entry.shape), " of ", tf_data_type_name(entry.type),
                              " does not fit its ", entry.size, " bytes"),
                       kDamaged);
    }
  }
}

const TfTensorEntry& TfCheckpoint::entry(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& item : tensors_) names.push_back(item.first);
  const std::string near = nearest(name, names);
  throw InputError(prefix_.string(), concat("has no tensor '", name, "'"),
                   near.empty() ? "" : concat("did you mean '", near, "'?"));
}

Bytes TfCheckpoint::read(const std::string& name) const {
  const TfTensorEntry& found = entry(name);
  if (found.sliced) {
    throw InputError(concat(prefix_.string(), " tensor '", name, "'"),
                     "is a partitioned variable stored in slices, which is not supported",
                     "save the checkpoint without a partitioner");
  }
  Bytes bytes(found.size);
  shards_.at(found.shard).read(found.offset, bytes);
  uint32_t crc = 0;
  try {
    crc = found.type == TfDataType::kString ? string_crc(bytes, found.shape) : crc32c(bytes);
  } catch (const protozero::exception&) {
    throw InputError(place(name, found),
                     concat("its ", found.size, " bytes hold no ", show_shape(found.shape), " strings"), kDamaged);
  }
  if (mask_crc(crc) != found.crc) {
    throw InputError(place(name, found), concat("the checksum of its ", found.size, " bytes does not match"), kDamaged);
  }
  return bytes;
}

std::vector<float> TfCheckpoint::read_f32(const std::string& name) const {
  const TfTensorEntry& found = entry(name);
  switch (found.type) {
    case TfDataType::kFloat:
      return convert<float>(read(name), [](float value) { return value; });
    case TfDataType::kDouble:
      return convert<double>(read(name), [](double value) { return static_cast<float>(value); });
    case TfDataType::kHalf:
      return convert<uint16_t>(read(name), half_to_float);
    case TfDataType::kBfloat16:
      return convert<uint16_t>(read(name), bfloat16_to_float);
    default:
      throw InputError(place(name, found), concat("has the element type ", tf_data_type_name(found.type),
                                                  ", expected floating point numbers"));
  }
}

}  // namespace assemble
