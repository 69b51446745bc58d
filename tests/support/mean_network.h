// SPDX-License-Identifier: Apache-2.0
// A network as another program might write it, so small that its logits are worked out by hand.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "assemble/core/text.h"
#include "assemble/deploy/foreign_options.h"
#include "assemble/io/onnx_writer.h"
#include "matrices.h"

namespace assemble::test {

inline Bytes bytes_of(const std::vector<float>& values) {
  Bytes bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Logits are the channels' means times a matrix: 3 to 4.
struct MeanNetwork {
  static constexpr int64_t kOutputs = 4;
  static constexpr int64_t kSide = 6;

  ImageLayout layout = ImageLayout::kNchw;
  bool bytes = false;
  bool softmax = false;
  std::vector<int64_t> input = {-1, 3, kSide, kSide};
  std::vector<float> matrix = normal_values(3 * kOutputs, 3);

  OnnxModel model() const {
    OnnxModel model;
    model.name = "means";
    model.inputs.push_back({"x", bytes ? OnnxType::kUint8 : OnnxType::kFloat, input});
    std::string last = "x";
    const auto add = [&](const std::string& type, std::vector<std::string> more, decltype(OnnxNode::attributes) set) {
      std::vector<std::string> inputs{last};
      inputs.insert(inputs.end(), more.begin(), more.end());
      last = concat(type, model.nodes.size());
      model.nodes.push_back({type, last, inputs, {last}, std::move(set)});
    };
    if (bytes) add("Cast", {}, {{"to", int64_t{1}}});
    if (layout == ImageLayout::kNhwc) add("Transpose", {}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
    add("GlobalAveragePool", {}, {});
    add("Flatten", {}, {});
    model.constants.push_back({"w", OnnxType::kFloat, {3, kOutputs}, bytes_of(matrix)});
    add("MatMul", {"w"}, {});
    if (softmax) add("Softmax", {}, {{"axis", int64_t{1}}});
    model.outputs.push_back({last, OnnxType::kFloat, {input[0], kOutputs}});
    return model;
  }

  /// @param images as the network takes them, NHWC
  Matrix logits(const std::vector<float>& images, bool reversed = false) const {
    const size_t pixels = kSide * kSide, count = images.size() / pixels / 3;
    Matrix result(static_cast<int64_t>(count), kOutputs);
    for (size_t i = 0; i < count * pixels * 3; ++i) {
      const size_t image = i / pixels / 3, c = reversed ? 2 - i % 3 : i % 3;
      for (size_t k = 0; k < kOutputs; ++k) {
        result.row(static_cast<int64_t>(image))[k] += images[i] * matrix[c * kOutputs + k] / static_cast<float>(pixels);
      }
    }
    return result;
  }
};

/// The bytes of a file that a model is in, as if PyTorch had written it.
inline std::string as_of_torch(const OnnxModel& model) {
  std::string bytes = serialise(model);
  const std::string producer = "assemble";
  return bytes.replace(bytes.find(producer), producer.size(), "pytorch+");
}

}  // namespace assemble::test
