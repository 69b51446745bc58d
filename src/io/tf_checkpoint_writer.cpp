// SPDX-License-Identifier: Apache-2.0
#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>

#include <algorithm>
#include <protozero/pbf_writer.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/tfrecord.h"
#include "shape.h"
#include "tf_bundle.h"

namespace assemble {
namespace {

using namespace tf_bundle;

/// Text in memory as leveldb's file: an index is small, and so no error has to pass through leveldb.
class TableText : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice& data) override {
    text_.append(data.data(), data.size());
    return leveldb::Status::OK();
  }
  leveldb::Status Close() override { return leveldb::Status::OK(); }
  leveldb::Status Flush() override { return leveldb::Status::OK(); }
  leveldb::Status Sync() override { return leveldb::Status::OK(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void check_views(const std::vector<const TfTensorView*>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TfTensorView& tensor = *tensors[i];
    const std::string where = concat("tensor '", tensor.name, "'");
    if (tensor.name.empty() || tensor.name[0] == '\0')
      throw UsageError(where, "has no name that a checkpoint can hold");
    if (i > 0 && tensors[i - 1]->name == tensor.name) throw UsageError(where, "the name occurs twice");
    const int64_t element = tf_element_size(tensor.type);
    if (element == 0) throw UsageError(where, concat(tf_data_type_name(tensor.type), " cannot be written"));
    uint64_t bytes = 0;
    if (!byte_count(tensor.shape, element, bytes) || bytes != tensor.bytes.size()) {
      throw UsageError(where, concat("shape ", show_shape(tensor.shape), " of ", tf_data_type_name(tensor.type),
                                     " does not fit ", tensor.bytes.size(), " bytes"));
    }
  }
}

std::string serialise_header() {
  std::string header;
  protozero::pbf_writer writer(header);
  writer.add_int32(kHeaderShards, 1);
  protozero::pbf_writer(writer, kHeaderVersion).add_int32(kVersionProducer, kVersion);
  return header;
}

std::string serialise_entry(const TfTensorView& tensor, uint64_t offset) {
  std::string entry;
  protozero::pbf_writer writer(entry);
  writer.add_enum(kEntryType, static_cast<int32_t>(tensor.type));
  {
    protozero::pbf_writer shape(writer, kEntryShape);
    for (int64_t extent : tensor.shape) protozero::pbf_writer(shape, kShapeDim).add_int64(kDimSize, extent);
  }
  writer.add_uint64(kEntryOffset, offset);
  writer.add_uint64(kEntrySize, tensor.bytes.size());
  writer.add_fixed32(kEntryCrc, mask_crc(crc32c(tensor.bytes)));
  return entry;
}

}  // namespace

void write_tf_checkpoint(const fs::path& prefix, const std::vector<TfTensorView>& tensors) {
  std::vector<const TfTensorView*> sorted;
  sorted.reserve(tensors.size());
  for (const TfTensorView& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  check_views(sorted);

  TableText index;
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;
  leveldb::TableBuilder builder(options, &index);
  builder.Add("", serialise_header());
  uint64_t offset = 0;
  for (const TfTensorView* tensor : sorted) {
    builder.Add(tensor->name, serialise_entry(*tensor, offset));
    offset += tensor->bytes.size();
  }
  const leveldb::Status status = builder.Finish();
  if (!status.ok()) throw RunError(index_path(prefix).string(), status.ToString());

  AtomicFile data(data_path(prefix, 0, 1));
  for (const TfTensorView* tensor : sorted) data.write(tensor->bytes);
  data.commit();
  write_file(index_path(prefix), index.text());
}

}  // namespace assemble
