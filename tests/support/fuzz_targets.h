// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/graph_text.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/io/file_kind.h"
#include "assemble/io/onnx_graph.h"
#include "assemble/io/onnx_writer.h"
#include "assemble/io/safetensors.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tf_object_graph.h"
#include "assemble/io/tfrecord.h"
#include "assemble/io/toml.h"
#include "assemble/io/torch_archive.h"

/// What a parser must hold on any bytes: it returns or throws InputError, and what it returns is consistent. One
/// function a format, called with made-up bytes by the fuzzers of fuzz/ and with the kept seeds by the tests.
namespace assemble::fuzz {

/// Ends the process as a crash, which a fuzzer records.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// A file in memory, for parsers that take a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const uint8_t> bytes) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0);
    require(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  fs::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

inline void check_example(std::span<const uint8_t> bytes) {
  try {
    const Example example = parse_example(bytes, "input");
    const Bytes again = serialise_example(example);
    // Compared as bytes: NaN is not equal to itself.
    require(serialise_example(parse_example(again, "again")) == again);
  } catch (const InputError&) {
  }
}

inline void check_onnx(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  try {
    size_t total = 0;
    for (const auto& [key, value] : read_onnx_metadata(memory.path())) total += key.size() + value.size();
    require(total <= bytes.size());
  } catch (const InputError&) {
  }
  try {
    size_t total = 0;
    for (const std::string& name : read_onnx_external_files(memory.path())) total += name.size();
    require(total <= bytes.size());
  } catch (const InputError&) {
  }
  try {
    describe_foreign(read_onnx_interface(memory.path()), {}, "input.onnx");
  } catch (const InputError&) {
  }
  try {
    const OnnxGraph graph(memory.path());
    for (const OnnxGraph::Node& node : graph.nodes()) {
      for (const std::string& input : node.inputs) (void)graph.constant(input);
    }
    (void)graph.serialise();
  } catch (const InputError&) {
  }
}

/// Also gives what it reads as strings back to the reader.
inline void check_toml(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string written = "a = " + toml_string(text);
  require(read_toml(written, "written").at(0).values.at(0).text == text);
  try {
    for (const TomlEntry& entry : read_toml(text, "input")) {
      require(!entry.path.empty() && entry.line > 0 && entry.column > 0);
      for (const TomlValue& value : entry.values) {
        require(value.kind == TomlValue::Kind::kText || !value.written.empty());
        require(read_toml("a = " + toml_string(value.text), "again").at(0).values.at(0).text == value.text);
      }
    }
  } catch (const UsageError&) {
  }
}

inline void check_safetensors(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  try {
    const SafetensorsFile file(memory.path());
    for (const auto& [name, entry] : file.tensors()) require(file.read(name).size() == entry.end - entry.begin);
  } catch (const InputError&) {
  }
}

/// Makes the checksums right that made-up bytes never meet, so that what lies behind them is reached too.
inline Bytes mend_checksums(std::span<const uint8_t> bytes) {
  Bytes mended(bytes.begin(), bytes.end());
  const auto mend = [&](size_t begin, size_t length) {
    const uint32_t crc = mask_crc(crc32c(std::span(mended).subspan(begin, length)));
    std::memcpy(mended.data() + begin + length, &crc, sizeof(crc));
  };
  for (size_t offset = 0; mended.size() - offset >= 16;) {
    uint64_t length = 0;
    std::memcpy(&length, mended.data() + offset, sizeof(length));
    mend(offset, 8);
    if (length > mended.size() - offset - 16) break;
    mend(offset + 12, length);
    offset += 16 + length;
  }
  return mended;
}

inline void read_records(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  const TfRecordReader reader(memory.path());
  std::string defect;
  std::vector<std::string> defects;
  require(reader.recover(&defects).size() >= reader.index(&defect).size());
  for (const RecordSpan& record : reader.index(&defect)) {
    try {
      require(reader.read(record).size() == record.length);
    } catch (const InputError&) {
    }
  }
  try {
    reader.index();
    require(defect.empty());
  } catch (const InputError& error) {
    require(defect == error.what());
  }
}

inline void check_tfrecord(std::span<const uint8_t> bytes) {
  read_records(bytes);
  read_records(mend_checksums(bytes));
}

/// A folder for formats of several files, made once and removed at the process's end.
inline const fs::path& scratch_folder() {
  struct Folder {
    fs::path path = fs::temp_directory_path() / ("assemble-fuzz-" + std::to_string(getpid()));
    Folder() { fs::create_directory(path); }
    ~Folder() { fs::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

/// A sound table of the keys and values that the bytes spell (length of key, length of value, both), so that what lies
/// behind the table's checksums is reached too.
inline std::string table_of(std::span<const uint8_t> bytes) {
  std::map<std::string, std::string> items = {{"", std::string("\x08\x01", 2)}};
  while (bytes.size() >= 2) {
    const size_t key = std::min<size_t>(bytes[0], bytes.size() - 2);
    const size_t value = std::min<size_t>(bytes[1], bytes.size() - 2 - key);
    const char* text = reinterpret_cast<const char*>(bytes.data()) + 2;
    items[std::string(text, key)] = std::string(text + key, value);
    bytes = bytes.subspan(2 + key + value);
  }
  struct Text : leveldb::WritableFile {
    std::string text;
    leveldb::Status Append(const leveldb::Slice& data) override {
      text.append(data.data(), data.size());
      return leveldb::Status::OK();
    }
    leveldb::Status Close() override { return leveldb::Status::OK(); }
    leveldb::Status Flush() override { return leveldb::Status::OK(); }
    leveldb::Status Sync() override { return leveldb::Status::OK(); }
  } file;
  leveldb::TableBuilder builder(leveldb::Options{}, &file);
  for (const auto& [key, value] : items) builder.Add(key, value);
  require(builder.Finish().ok());
  return file.text;
}

inline void read_checkpoint(std::string_view index) {
  const fs::path prefix = scratch_folder() / "m";
  std::ofstream(prefix.string() + ".index", std::ios::binary) << index;
  std::ofstream(prefix.string() + ".data-00000-of-00001", std::ios::binary) << std::string(64, '\x01');
  try {
    const TfCheckpoint checkpoint(prefix);
    try {
      tf_object_names(checkpoint);
    } catch (const InputError&) {
    }
    for (const auto& [name, entry] : checkpoint.tensors()) {
      try {
        require(checkpoint.read(name).size() == entry.size);
        checkpoint.read_f32(name);
      } catch (const InputError&) {
      }
    }
  } catch (const InputError&) {
  }
}

inline void check_tf_checkpoint(std::span<const uint8_t> bytes) {
  read_checkpoint({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  read_checkpoint(table_of(bytes));
}

inline void read_torch(const fs::path& path) {
  try {
    const TorchArchive archive(path);
    for (const auto& [name, entry] : archive.tensors()) {
      try {
        archive.read(name);
      } catch (const InputError&) {
      }
    }
  } catch (const InputError&) {
  }
}

/// A sound archive with the bytes as its pickle and one storage, so that what lies behind the zip format is reached
/// too.
inline void zip_pickle(std::span<const uint8_t> pickle, const fs::path& path) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  require(archive != nullptr);
  static const std::string storage(64, '\x01');
  const auto add = [&](const char* name, const void* data, size_t size) {
    const zip_int64_t index = zip_file_add(archive, name, zip_source_buffer(archive, data, size, 0), 0);
    require(index >= 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  };
  add("m/data.pkl", pickle.data(), pickle.size());
  add("m/data/0", storage.data(), storage.size());
  require(zip_close(archive) == 0);
}

/// Reads the bytes as a file, and as the pickle of a sound file.
inline void check_torch_archive(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  read_torch(memory.path());
  const fs::path path = scratch_folder() / "m.pth";
  zip_pickle(bytes, path);
  read_torch(path);
}

/// A sound file of the format before PyTorch 1.6 with the bytes as its object and one storage.
inline Bytes legacy_torch(std::span<const uint8_t> pickle) {
  using namespace std::string_view_literals;
  constexpr auto kStart = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."sv;
  constexpr auto kEnd =
      "\x80\x02]X\x01\0\0\0"
      "0a.\x10\0\0\0\0\0\0\0"sv;
  Bytes file(kStart.begin(), kStart.end());
  file.insert(file.end(), pickle.begin(), pickle.end());
  file.insert(file.end(), kEnd.begin(), kEnd.end());
  file.insert(file.end(), 64, 1);
  return file;
}

/// Reads the bytes as the object of a legacy file, also as text protocols and Python 2 wrote it.
inline void check_torch_legacy(std::span<const uint8_t> bytes) {
  const MemoryFile memory(legacy_torch(bytes));
  read_torch(memory.path());
}

inline void check_file_kind(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  const FileContent found = identify_file(memory.path());
  require((found.kind == FileKind::kUnknown) == found.what.empty());
}

inline void check_image(std::span<const uint8_t> bytes) {
  DecodeOptions options;
  options.max_pixels = 1 << 18;
  for (bool lenient : {false, true}) {
    options.allow_truncated = options.apply_exif_orientation = lenient;
    try {
      const ImageSize size = read_image_size(bytes, "input");
      require(size.height > 0 && size.width > 0);
      decode_image(bytes, "input", options);
      if (detect_format(bytes) == ImageFormat::kJpeg && lenient) {
        const Bytes seekable = seekable_jpeg(bytes, "input");
        require(read_image_size(seekable, "seekable").height == size.height);
        decode_window(
            seekable, "seekable",
            [](ImageSize s) {
              return Window{s.height / 2, s.width / 2, 1, 1};
            },
            options);
      }
    } catch (const InputError&) {
    }
    try {
      const auto corner = [](ImageSize size) {
        return Window{size.height / 2, size.width / 2, size.height - size.height / 2, size.width - size.width / 2};
      };
      decode_window(bytes, "input", corner, options);
    } catch (const InputError&) {
    }
  }
}

/// The tensor that a made-up name stands for: "8 3 1 1" one of that shape.
inline Array tensor_named(const std::string& name) {
  constexpr int64_t kMost = 1 << 12;
  std::vector<int64_t> shape;
  int64_t count = 1;
  std::istringstream numbers(name);
  for (int64_t extent; numbers >> extent; shape.push_back(extent)) {
    if (extent < 1 || extent > kMost || count * extent > kMost) throw InputError(name, "is too large");
    count *= extent;
  }
  return Array(std::move(shape), std::vector<float>(static_cast<size_t>(count), 0.5f));
}

/// What is read is written as text that gives the same again, and engines take it.
inline void check_graph_text(std::span<const uint8_t> bytes) {
  std::map<std::string, Array> tensors;
  WeightNames names;
  const FindWeight find = [&](const std::string& name) {
    if (!tensors.contains(name)) tensors.emplace(name, tensor_named(name));
    const Array& tensor = tensors.at(name);
    names[tensor.data()] = name;
    return tensor;
  };
  StoredGraph stored;
  try {
    stored = graph_from_text(std::string(bytes.begin(), bytes.end()), find, "input");
  } catch (const InputError&) {
    return;
  }
  const std::string text(bytes.begin(), bytes.end());
  if (text.find("unit_rows") == std::string::npos) {  // rows at length one are values of no tensor
    const std::string written = to_text(stored, names);
    require(to_text(graph_from_text(written, find, "again"), names) == written);
  }
  try {
    serialise(to_onnx(stored.graph));
  } catch (const InputError&) {  // batch norms of negative variances
  }
}

}  // namespace assemble::fuzz
