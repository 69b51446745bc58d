// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_object_graph.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/varint.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

enum : protozero::pbf_tag_type {
  kGraphNodes = 1,
  kNodeAttributes = 2,
  kAttributeFullName = 2,
  kAttributeKey = 3,
};

constexpr size_t kLengthChecksum = 4;  // bytes, behind the lengths of a string tensor

/// The one string of a tensor without axes.
std::string_view only_string(const Bytes& bytes) {
  const char* position = reinterpret_cast<const char*>(bytes.data());
  const char* end = position + bytes.size();
  const uint64_t length = protozero::decode_varint(&position, end);
  const auto left = static_cast<uint64_t>(end - position);
  if (left < kLengthChecksum || left - kLengthChecksum != length) throw protozero::end_of_buffer_exception();
  return {position + kLengthChecksum, static_cast<size_t>(length)};
}

void read_attribute(pbf_reader message, std::map<std::string, std::string>& names) {
  std::string name, key;
  while (message.next()) {
    switch (message.tag_and_type()) {
      case tag_and_type(kAttributeFullName, pbf_wire_type::length_delimited):
        name = message.get_string();
        break;
      case tag_and_type(kAttributeKey, pbf_wire_type::length_delimited):
        key = message.get_string();
        break;
      default:
        message.skip();
    }
  }
  if (!key.empty()) names.emplace(key, name);
}

}  // namespace

std::map<std::string, std::string> tf_object_names(const TfCheckpoint& checkpoint) {
  const auto found = checkpoint.tensors().find(kTfObjectGraph);
  if (found == checkpoint.tensors().end()) return {};
  const std::string where = concat(checkpoint.prefix().string(), " tensor '", kTfObjectGraph, "'");
  if (found->second.type != TfDataType::kString || !found->second.shape.empty()) {
    throw InputError(where, "is not the one string that an object graph is");
  }
  std::map<std::string, std::string> names;
  const Bytes bytes = checkpoint.read(kTfObjectGraph);
  try {
    const std::string_view text = only_string(bytes);
    pbf_reader graph(text.data(), text.size());
    while (graph.next(kGraphNodes, pbf_wire_type::length_delimited)) {
      pbf_reader node = graph.get_message();
      while (node.next(kNodeAttributes, pbf_wire_type::length_delimited)) read_attribute(node.get_message(), names);
    }
  } catch (const protozero::exception& error) {
    throw InputError(where, concat("is no object graph: ", error.what()),
                     "the checkpoint is damaged or incomplete: copy it again");
  }
  return names;
}

}  // namespace assemble
