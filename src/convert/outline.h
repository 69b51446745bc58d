// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/convert/infer_arch.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/resnet.h"

namespace assemble {

constexpr int64_t kLargest = 65536;  // extents beyond this are those of no network here
constexpr int64_t kFeatures = 32;    // of the last stage, for each channel of the stem

/// Shapes by name, with errors that say what was looked for.
class Outline {
 public:
  Outline(const Shapes& shapes, const std::string& where) : shapes_(shapes), where_(where) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(where_, concat("its arch cannot be told from the weights: ", what), "give it as `arch`");
  }
  bool has(const std::string& name) const { return shapes_.contains(name); }

  /// Extent of an axis, counted from the end for -1, -2, …
  int64_t extent(const std::string& name, int64_t rank, int64_t axis) const {
    const auto found = shapes_.find(name);
    if (found == shapes_.end()) fail(concat("there is no '", name, "'"));
    const std::vector<int64_t>& shape = found->second;
    if (static_cast<int64_t>(shape.size()) != rank)
      fail(concat("'", name, "' has ", shape.size(), " axes, expected ", rank));
    const int64_t value = shape[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
    if (value < 1 || value > kLargest) fail(concat("'", name, "' has the extent ", value));
    return value;
  }

  bool any_contains(const std::string& part) const {
    return std::any_of(shapes_.begin(), shapes_.end(),
                       [&](const auto& item) { return item.first.find(part) != std::string::npos; });
  }

  /// How many of prefix + 0 + suffix, prefix + 1 + suffix, … there are without a gap.
  int64_t consecutive(const std::string& prefix, const std::string& suffix) const {
    int64_t count = 0;
    while (has(concat(prefix, count, suffix))) ++count;
    return count;
  }

  /// Convolutions that TensorFlow numbered in a scope: conv2d, conv2d_1, …
  int64_t numbered_convolutions(const std::string& scope) const {
    int64_t count = has(scope + "conv2d/kernel") ? 1 : 0;
    while (count > 0 && has(concat(scope, "conv2d_", count, "/kernel"))) ++count;
    return count;
  }

  /// Consecutive blocks "layer1.0", "layer1.1", … that have a first convolution.
  int64_t blocks(const std::string& stage) const {
    int64_t count = 0;
    while (has(concat(stage, ".", count, ".conv1.weight"))) ++count;
    return count;
  }

  const Shapes& shapes() const { return shapes_; }
  const std::string& where() const { return where_; }

 private:
  const Shapes& shapes_;
  const std::string& where_;
};

/// The ResNet whose blocks fulfil `holds`.
template <typename Holds>
std::optional<std::string> find_base(Arch arch, Holds holds) {
  for (const char* base : {"resnet50", "resnet101", "resnet152", "resnet200"}) {
    arch.base = base;
    if (arch.big_little && arch.base == "resnet200") continue;
    if (holds(resnet_stage_blocks(arch))) return base;
  }
  return std::nullopt;
}

/// Pairs of a wider and a narrower layer's channels.
using Pairs = std::vector<std::pair<int64_t, int64_t>>;

/// Channels before and after each layer whose name ends so, as kernels of TensorFlow have them or as PyTorch's weights.
Pairs squeezes_of(const Outline& outline, const std::string& ending, bool tensorflow);
/// The ratio r with max(1, channels / r) = hidden for every pair; 16 when it is among several.
int find_se_ratio(const Outline& outline, const Pairs& pairs);
/// The divisor alpha with channels / alpha = little for every pair.
int find_alpha(const Outline& outline, const Pairs& pairs);
/// The divisor beta with max(1, blocks / beta - 1) blocks in the little branches; the usual 4 or 2 among several.
int find_beta(const Outline& outline, const std::vector<int64_t>& blocks, const std::vector<int64_t>& little);
/// `flatten` shows in the inputs of the layer after the pooling: height × width times as many.
void find_pool(const Outline& outline, int64_t inputs, InferredArch& inferred);
void assume_unseen(InferredArch& inferred);

/// Networks of the original's tf2.1 branch.
InferredArch infer_tf2_arch(const Shapes& shapes, const std::string& where);
/// MobileNetV1 under the names of TensorFlow-Slim, Keras or timm.
InferredArch infer_mobilenet_arch(const Shapes& shapes, Naming naming, const std::string& where);

}  // namespace assemble
