// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Element types with their numbers in onnx.proto. What is read from a file may be any other number.
enum class OnnxType {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt32 = 6,
  kInt64 = 7,
  kFloat16 = 10,
  kDouble = 11,
  kBfloat16 = 16
};

/// A constant: row-major, little-endian bytes.
struct OnnxTensor {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<int64_t> dims;  ///< empty for a scalar
  Bytes bytes;
};

struct OnnxNode {
  std::string type;  ///< operator of the default domain, such as "Conv"
  std::string name;
  std::vector<std::string> inputs;  ///< "" for an optional one that is left out
  std::vector<std::string> outputs;
  std::map<std::string, std::variant<int64_t, float, std::string, std::vector<int64_t>>> attributes;
};

/// An input or output of the graph.
struct OnnxValue {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<int64_t> dims;  ///< -1: of any size, written as the dimension "batch"
};

/// An ONNX model of operator set 17.
struct OnnxModel {
  std::string name;
  std::vector<OnnxNode> nodes;  ///< in order of computation
  std::vector<OnnxTensor> constants;
  std::vector<OnnxValue> inputs, outputs;
  std::map<std::string, std::string> metadata;
};

/// The model as the bytes of an .onnx file (onnx.proto, IR version 8). A constant is freed once it is written, so that
/// a model that is moved here is never in memory twice.
/// @throws RunError for models above 2 GiB, which protobuf cannot hold
std::string serialise(OnnxModel model);

/// The metadata of an .onnx file, from anyone. The graph with its weights is not read.
/// @throws InputError naming the file when it cannot be read, is cut off or is no ONNX model
std::map<std::string, std::string> read_onnx_metadata(const fs::path& path);

/// An operator of a graph, without attributes.
struct OnnxOperation {
  std::string type;  ///< "Conv"
  std::vector<std::string> inputs, outputs;
};

/// What an .onnx file says of its graph, but for its numbers.
struct OnnxInterface {
  std::string producer;                    ///< name and version of the program that wrote it; may be empty
  int64_t opset = 0;                       ///< version of the operators of the default domain; 0: it is not said
  std::vector<OnnxValue> inputs, outputs;  ///< without the weights that old files have among the inputs
  std::vector<OnnxOperation> nodes;        ///< in the file's order; not those inside others
};

/// The interface of an .onnx file, from anyone. The weights are not read.
/// @throws InputError as read_onnx_metadata()
OnnxInterface read_onnx_interface(const fs::path& path);

/// The files beside an .onnx file that hold weights of it (external data), as it names them: relative to its folder.
/// @throws InputError as read_onnx_metadata()
std::set<std::string> read_onnx_external_files(const fs::path& path);

}  // namespace assemble
