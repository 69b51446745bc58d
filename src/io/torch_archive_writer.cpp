// SPDX-License-Identifier: Apache-2.0
#include <zip.h>

#include <new>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/torch_archive.h"
#include "shape.h"

namespace assemble {
namespace {

/// The opcodes that a state dictionary needs, as text. See Python's Lib/pickletools.py.
class Pickler {
 public:
  void raw(std::string_view opcodes) { text_ += opcodes; }
  void global(const std::string& module, const std::string& name) { text_ += concat('c', module, '\n', name, '\n'); }
  void string(const std::string& value) {
    text_ += 'X';
    little_endian(value.size(), 4);
    text_ += value;
  }
  void integer(uint64_t value) {
    text_ += "\x8a\x08";  // LONG1 of eight bytes
    little_endian(value, 8);
  }
  void integers(const std::vector<int64_t>& values) {
    text_ += '(';
    for (int64_t value : values) integer(static_cast<uint64_t>(value));
    text_ += 't';
  }
  void ordered_dict() {
    global("collections", "OrderedDict");
    text_ += ")R";
  }
  const std::string& text() const { return text_; }

 private:
  void little_endian(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text_ += static_cast<char>(value >> (8 * i));
  }
  std::string text_{"\x80\x02"};  // protocol 2
};

std::string storage_name(const TensorView& tensor) {
  switch (tensor.type) {
    case DataType::kF32:
      return "FloatStorage";
    case DataType::kF64:
      return "DoubleStorage";
    case DataType::kF16:
      return "HalfStorage";
    case DataType::kBF16:
      return "BFloat16Storage";
    case DataType::kI64:
      return "LongStorage";
    case DataType::kI32:
      return "IntStorage";
    case DataType::kI16:
      return "ShortStorage";
    case DataType::kI8:
      return "CharStorage";
    case DataType::kU8:
      return "ByteStorage";
    case DataType::kBool:
      return "BoolStorage";
    default:
      throw UsageError(concat("tensor '", tensor.name, "'"),
                       concat("PyTorch has no storage of the type ", data_type_name(tensor.type)));
  }
}

std::vector<int64_t> row_major_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

void add_tensor(Pickler& pickler, const TensorView& tensor, const std::string& key) {
  uint64_t bytes = 0;
  if (!byte_count(tensor.shape, element_size(tensor.type), bytes) || bytes != tensor.bytes.size()) {
    throw UsageError(concat("tensor '", tensor.name, "'"),
                     concat("shape ", show_shape(tensor.shape), " does not fit ", tensor.bytes.size(), " bytes"));
  }
  pickler.string(tensor.name);
  pickler.global("torch._utils", "_rebuild_tensor_v2");
  pickler.raw("((");
  pickler.string("storage");
  pickler.global("torch", storage_name(tensor));
  pickler.string(key);
  pickler.string("cpu");
  pickler.integer(bytes / static_cast<uint64_t>(element_size(tensor.type)));
  pickler.raw("tQ");
  pickler.integer(0);
  pickler.integers(tensor.shape);
  pickler.integers(row_major_strides(tensor.shape));
  pickler.raw("\x89");
  pickler.ordered_dict();
  pickler.raw("tR");
}

std::string pickle_of(const std::vector<TensorView>& tensors) {
  Pickler pickler;
  pickler.ordered_dict();
  pickler.raw("(");
  std::set<std::string> names;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!names.insert(tensors[i].name).second)
      throw UsageError(concat("tensor '", tensors[i].name, "'"), "occurs twice");
    add_tensor(pickler, tensors[i], std::to_string(i));
  }
  pickler.raw("u.");
  return pickler.text();
}

/// A zip archive being made in memory.
class ZipWriter {
 public:
  explicit ZipWriter(const fs::path& path) : path_(path), memory_(zip_source_buffer_create(nullptr, 0, 0, nullptr)) {
    if (memory_ == nullptr) throw std::bad_alloc();
    archive_ = zip_open_from_source(memory_, ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    if (archive_ == nullptr) {
      zip_source_free(memory_);
      throw std::bad_alloc();
    }
    zip_source_keep(memory_);  // the archive frees it once
  }
  ~ZipWriter() {
    if (archive_ != nullptr) zip_discard(archive_);
    zip_source_free(memory_);
  }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  /// @param bytes must stay alive until write_to()
  void add(const std::string& name, std::span<const uint8_t> bytes) {
    zip_source_t* source = zip_source_buffer(archive_, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = source == nullptr ? -1 : zip_file_add(archive_, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);  // an archive owns only what it took
      fail();
    }
    if (zip_set_file_compression(archive_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0) fail();
  }
  void add(const std::string& name, std::string_view text) {
    add(name, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }
  void write_to(AtomicFile& file) {
    if (zip_close(archive_) != 0) fail();
    archive_ = nullptr;
    if (zip_source_open(memory_) != 0) fail();
    Bytes part(size_t{1} << 20);
    zip_int64_t got = 0;
    while ((got = zip_source_read(memory_, part.data(), part.size())) > 0) {
      file.write(std::span(part).first(static_cast<size_t>(got)));
    }
    zip_source_close(memory_);
    if (got < 0) fail();
  }

 private:
  [[noreturn]] void fail() {
    throw RunError(path_.string(), concat("cannot be made: ", archive_ == nullptr ? "" : zip_strerror(archive_)));
  }
  fs::path path_;
  zip_source_t* memory_;
  zip_t* archive_ = nullptr;
};

}  // namespace

void write_torch_archive(const fs::path& path, const std::vector<TensorView>& tensors) {
  const std::string pickled = pickle_of(tensors);
  const std::string root = to_utf8(path.stem().string()) + "/";
  AtomicFile file(path);
  ZipWriter zip(path);
  zip.add(root + "data.pkl", pickled);
  zip.add(root + "byteorder", "little");
  for (size_t i = 0; i < tensors.size(); ++i) zip.add(concat(root, "data/", i), tensors[i].bytes);
  zip.add(root + "version", "3\n");
  zip.write_to(file);
  file.commit();
}

}  // namespace assemble
