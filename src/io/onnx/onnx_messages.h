// SPDX-License-Identifier: Apache-2.0
// Messages of onnx.proto that more than one file writes or reads.
#pragma once

#include <protozero/exception.hpp>
#include <protozero/pbf_writer.hpp>

#include <string>
#include <utility>

#include "assemble/core/file.h"
#include "assemble/io/onnx_writer.h"

namespace assemble::onnx {

/// The fields of a NodeProto, TensorProto.
void write_node(protozero::pbf_writer& writer, const OnnxNode& node);
void write_tensor(protozero::pbf_writer& writer, const OnnxTensor& tensor);
/// A ValueInfoProto in a field of its graph.
void write_value(protozero::pbf_writer& graph, protozero::pbf_tag_type field, const OnnxValue& value);
/// Throws the InputError of a file whose bytes are no such messages.
[[noreturn]] void refuse(const fs::path& file, const protozero::exception& error);
/// Domain and version of an OperatorSetIdProto.
std::pair<std::string, int64_t> parse_opset(const std::string& bytes);

}  // namespace assemble::onnx
