// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/embeddings.h"

#include <array>
#include <bit>
#include <charconv>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/io/safetensors.h"

namespace assemble {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr const char* kColumns = "image,label,class";
constexpr size_t kNpyAlignment = 64;
constexpr size_t kNpyPreamble = 10;  // magic, version, length of the header

template <typename Value>
std::span<const uint8_t> bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(Value)};
}

std::string class_of(const NamedEmbeddings& embeddings, int64_t label) {
  const auto count = static_cast<int64_t>(embeddings.classes.size());
  return label >= 0 && label < count ? embeddings.classes[static_cast<size_t>(label)] : "";
}

/// image, label and class of a row.
std::string description(const NamedEmbeddings& embeddings, size_t row) {
  const int64_t label = embeddings.images.labels[row];
  return concat(csv_cell(embeddings.images.names[row]), ",", label, ",", csv_cell(class_of(embeddings, label)));
}

void write_labels(const fs::path& path, const NamedEmbeddings& embeddings) {
  AtomicFile file(path);
  file.write(concat(kColumns, "\n"));
  for (size_t row = 0; row < embeddings.images.names.size(); ++row) file.write(description(embeddings, row) + "\n");
  file.commit();
}

void write_csv(const fs::path& path, const NamedEmbeddings& embeddings) {
  const Matrix& values = embeddings.images.embeddings;
  AtomicFile file(path);
  std::string line = kColumns;
  for (int64_t i = 0; i < values.columns; ++i) line += concat(",e", i);
  file.write(line + "\n");
  for (int64_t row = 0; row < values.rows; ++row) {
    line = description(embeddings, static_cast<size_t>(row));
    for (const float value : values.row(row)) {
      std::array<char, 32> text;  // the shortest that reads back as the same
      const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
      line.append(",").append(text.data(), end);
    }
    file.write(line + "\n");
  }
  file.commit();
}

/// Version 1.0 of numpy.lib.format, whose data begin at a multiple of 64 bytes.
std::string npy_header(const Matrix& values) {
  std::string header =
      concat("{'descr': '<f4', 'fortran_order': False, 'shape': (", values.rows, ", ", values.columns, "), }");
  header.append(kNpyAlignment - 1 - (kNpyPreamble + header.size()) % kNpyAlignment, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  const char preamble[kNpyPreamble] = {
      '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
  return std::string(preamble, kNpyPreamble) + header;
}

void write_npy(const fs::path& path, const NamedEmbeddings& embeddings) {
  const Matrix& values = embeddings.images.embeddings;
  write_labels(embedding_labels_file(path), embeddings);
  AtomicFile file(path);
  file.write(npy_header(values));
  file.write(bytes_of(values.values));
  file.commit();
}

/// Paths may be any bytes.
std::vector<std::string> as_text(const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(name_text(name));
  return texts;
}

void write_tensors(const fs::path& path, const NamedEmbeddings& embeddings,
                   std::map<std::string, std::string> metadata) {
  const Matrix& values = embeddings.images.embeddings;
  metadata["images"] = json_text(nlohmann::json(as_text(embeddings.images.names)));
  metadata["classes"] = json_text(nlohmann::json(as_text(embeddings.classes)));
  write_safetensors(path,
                    {{"embeddings", DataType::kF32, {values.rows, values.columns}, bytes_of(values.values)},
                     {"labels", DataType::kI64, {values.rows}, bytes_of(embeddings.images.labels)}},
                    metadata);
}

}  // namespace

EmbeddingFormat embedding_format(const fs::path& path) {
  const std::string ending = to_lower(path.extension().string());
  if (ending == ".safetensors") return EmbeddingFormat::kSafetensors;
  if (ending == ".csv") return EmbeddingFormat::kCsv;
  if (ending == ".npy") return EmbeddingFormat::kNpy;
  throw UsageError(path.string(), "has no ending of a file of embeddings", "use .safetensors, .csv or .npy");
}

fs::path embedding_labels_file(const fs::path& path) {
  return embedding_format(path) == EmbeddingFormat::kNpy ? fs::path(path).replace_extension(".csv") : fs::path();
}

void write_embeddings(const fs::path& path, const NamedEmbeddings& embeddings,
                      std::map<std::string, std::string> metadata) {
  const auto rows = static_cast<size_t>(embeddings.images.embeddings.rows);
  if (embeddings.images.names.size() != rows || embeddings.images.labels.size() != rows) {
    throw UsageError("embeddings", concat(rows, " embeddings of ", embeddings.images.names.size(), " names and ",
                                          embeddings.images.labels.size(), " labels"));
  }
  switch (embedding_format(path)) {
    case EmbeddingFormat::kSafetensors:
      return write_tensors(path, embeddings, std::move(metadata));
    case EmbeddingFormat::kCsv:
      return write_csv(path, embeddings);
    case EmbeddingFormat::kNpy:
      return write_npy(path, embeddings);
  }
}

}  // namespace assemble
