// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/infer_arch.h"

#include <algorithm>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/resnet.h"

namespace assemble {
namespace {

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

/// The ratio r with max(1, channels / r) = hidden for every pair; 16 when it is among several.
int find_se_ratio(const Outline& outline, const std::vector<std::pair<int64_t, int64_t>>& pairs) {
  const auto fits = [&](int64_t ratio) {
    return std::all_of(pairs.begin(), pairs.end(),
                       [&](const auto& pair) { return std::max<int64_t>(1, pair.first / ratio) == pair.second; });
  };
  if (fits(16)) return 16;
  for (int ratio = 1; ratio <= 1024; ++ratio) {
    if (fits(ratio)) return ratio;
  }
  outline.fail("the squeeze-and-excitation layers have no common ratio");
}

void assume_unseen(InferredArch& inferred) {
  inferred.assumptions.emplace_back(
      "no anti-aliasing filter (aaN), no gem, no nodown: they have no weights; if the network has them, give `arch`");
}

void find_tf_version_1(const Outline& outline, Arch& arch) {
  const int64_t stem = arch.resnet_d ? 3 : 1;
  arch.width = static_cast<int>(
      outline.extent(arch.resnet_d ? "resnet_model/conv2d_2/kernel" : "resnet_model/conv2d/kernel", 4, -1));
  const int64_t convolutions = outline.numbered_convolutions("resnet_model/");
  const auto base = find_base(arch, [&](const std::vector<int64_t>& blocks) {
    return convolutions == stem + 4 + 3 * (blocks[0] + blocks[1] + blocks[2] + blocks[3]);
  });
  if (!base) outline.fail(concat(convolutions, " convolutions are those of no depth"));
  arch.base = *base;
}

/// The divisor alpha with channels / alpha = little in the stem and the stages.
int find_alpha(const Outline& outline, int64_t width) {
  std::vector<std::pair<int64_t, int64_t>> pairs{
      {width, outline.extent("resnet_model/stage0/pool/conv2d_1/kernel", 4, -1)}};
  for (int64_t stage = 1; stage <= 3; ++stage) {
    pairs.emplace_back(
        width << (stage - 1),
        outline.extent(concat("resnet_model/stage", stage, "/little", stage, "/conv2d_1/kernel"), 4, -1));
  }
  for (int64_t alpha = 1; alpha <= width; ++alpha) {
    if (std::all_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first / alpha == pair.second; })) {
      return static_cast<int>(alpha);
    }
  }
  outline.fail("the little branches' widths have no common divisor alpha");
}

/// The divisor beta with max(1, blocks / beta - 1) blocks in the little branches; the usual 4 or 2 among several.
int find_beta(const Outline& outline, const std::vector<int64_t>& blocks) {
  std::vector<int64_t> little;
  for (int64_t stage = 1; stage <= 3; ++stage) {
    little.push_back((outline.numbered_convolutions(concat("resnet_model/stage", stage, "/little", stage, "/")) - 2) /
                     3);
  }
  std::vector<int> candidates{4, 2};
  for (int beta = 1; beta <= blocks[2]; ++beta) candidates.push_back(beta);
  for (const int beta : candidates) {
    bool fits = true;
    for (size_t i = 0; i < 3; ++i) fits = fits && std::max<int64_t>(1, blocks[i] / beta - 1) == little[i];
    if (fits) return beta;
  }
  outline.fail("the little branches' depths have no common divisor beta");
}

void find_tf_version_2(const Outline& outline, Arch& arch) {
  arch.big_little = true;
  arch.width = static_cast<int>(outline.extent(
      arch.resnet_d ? "resnet_model/stage0/conv2d_2/kernel" : "resnet_model/stage0/conv2d/kernel", 4, -1));
  const int64_t convolutions = outline.numbered_convolutions("resnet_model/stage3/big3/");
  const auto base = find_base(arch, [&](const auto& blocks) { return convolutions == 1 + 3 * (blocks[2] - 1); });
  if (!base) outline.fail(concat("stage 3's big branch has ", convolutions, " convolutions, those of no depth"));
  arch.base = *base;
  arch.alpha = find_alpha(outline, arch.width);
  arch.beta = find_beta(outline, resnet_stage_blocks(arch));
}

bool is_square(int64_t value) {
  for (int64_t root = 1; root * root <= value; ++root) {
    if (root * root == value) return true;
  }
  return false;
}

/// `flatten` shows in the inputs of the layer after the pooling: height × width times as many.
void find_pool(const Outline& outline, int64_t inputs, InferredArch& inferred) {
  const int64_t features = kFeatures * inferred.arch.width;
  if (inputs == features) return;
  if (inputs % features != 0 || !is_square(inputs / features)) {
    outline.fail(concat("the layer after the pooling has ", inputs, " inputs, expected ", features));
  }
  inferred.arch.pool = PoolType::kFlatten;
}

std::string tf_head(const Arch& arch) {
  return arch.embedding > 0 ? "resnet_model/embedding_dense/kernel" : "resnet_model/dense/kernel";
}

}  // namespace

InferredArch infer_tf_arch(const Shapes& shapes, const std::string& where) {
  const Outline outline(shapes, where);
  InferredArch inferred;
  Arch& arch = inferred.arch;
  const bool version_2 = outline.has("resnet_model/stage0/conv2d/kernel");
  if (!version_2 && !outline.has("resnet_model/conv2d/kernel")) {
    outline.fail("there is no variable 'resnet_model/conv2d/kernel' or 'resnet_model/stage0/conv2d/kernel'");
  }
  const std::string first = version_2 ? "resnet_model/stage0/conv2d/kernel" : "resnet_model/conv2d/kernel";
  arch.resnet_d = outline.extent(first, 4, 0) == 3;
  arch.selective_kernel = outline.any_contains("/sk_fc_1/kernel");
  if (version_2) {
    find_tf_version_2(outline, arch);
  } else {
    find_tf_version_1(outline, arch);
  }
  std::vector<std::pair<int64_t, int64_t>> squeezes;
  for (const auto& item : shapes) {
    if (!item.first.ends_with("/seblock_dense_1/kernel")) continue;
    squeezes.emplace_back(outline.extent(item.first, 4, 2), outline.extent(item.first, 4, 3));
  }
  if (!squeezes.empty()) arch.se_ratio = find_se_ratio(outline, squeezes);
  if (outline.has("resnet_model/embedding_dense/kernel")) {
    arch.embedding = static_cast<int>(outline.extent("resnet_model/embedding_dense/kernel", 4, -1));
  }
  const auto head = shapes.find(tf_head(arch));
  if (head == shapes.end() || head->second.size() < 2) outline.fail(concat("there is no '", tf_head(arch), "'"));
  find_pool(outline, head->second[head->second.size() - 2], inferred);
  assume_unseen(inferred);
  return inferred;
}

InferredArch infer_torch_arch(const Shapes& shapes, const std::string& where) {
  const Outline outline(shapes, where);
  InferredArch inferred;
  Arch& arch = inferred.arch;
  if (outline.any_contains("stem.big"))
    outline.fail("big-little networks are told apart from TensorFlow's names alone");
  arch.resnet_d = outline.has("conv1.0.weight");
  arch.width = static_cast<int>(outline.extent(arch.resnet_d ? "conv1.6.weight" : "conv1.weight", 4, 0));
  if (!outline.has("layer1.0.conv3.weight")) {
    outline.fail("there is no 'layer1.0.conv3.weight' (only ResNets of bottleneck blocks are known)");
  }
  if (arch.resnet_d && outline.has("layer1.0.downsample.0.weight")) {
    outline.fail(
        "it has the deep stem of `d` without its pooled shortcuts (timm's c and s variants), which is not built");
  }
  const auto base = find_base(arch, [&](const std::vector<int64_t>& blocks) {
    for (size_t stage = 0; stage < blocks.size(); ++stage) {
      if (outline.blocks(concat("layer", stage + 1)) != blocks[stage]) return false;
    }
    return true;
  });
  if (!base) outline.fail("the blocks of layer1 … layer4 are those of no depth");
  arch.base = *base;
  arch.selective_kernel = outline.has("layer1.0.conv2.fc_reduce.weight");
  std::vector<std::pair<int64_t, int64_t>> squeezes;
  for (const auto& item : shapes) {
    if (!item.first.ends_with(".se.fc1.weight")) continue;
    squeezes.emplace_back(outline.extent(item.first, 4, 1), outline.extent(item.first, 4, 0));
  }
  if (!squeezes.empty()) arch.se_ratio = find_se_ratio(outline, squeezes);
  if (outline.has("embedding.weight")) arch.embedding = static_cast<int>(outline.extent("embedding.weight", 4, 0));
  const std::string head = arch.embedding > 0 ? "embedding.weight" : "fc.weight";
  const auto found = shapes.find(head);
  if (found == shapes.end() || found->second.size() < 2) outline.fail(concat("there is no '", head, "'"));
  find_pool(outline, found->second[1], inferred);
  arch.timm = !arch.selective_kernel && arch.embedding == 0;
  if (arch.timm) {
    inferred.assumptions.emplace_back(
        "the network is built as torchvision and timm do it (tweak timm); for weights of this library give `arch`");
  }
  assume_unseen(inferred);
  return inferred;
}

HeadSize infer_head(const Shapes& shapes, const Arch& arch, WeightFormat format, const std::string& where) {
  const bool tensorflow = format == WeightFormat::kTensorFlow;
  const std::string name = tensorflow ? "resnet_model/dense/kernel" : "fc.weight";
  const auto found = shapes.find(name);
  if (found == shapes.end() || found->second.size() != 2) {
    throw InputError(where, concat("has no classifier '", name, "' of two axes"),
                     "give the weights of a whole network, or the right `arch`");
  }
  const std::string first = arch.embedding == 0 ? name : tensorflow ? tf_head(arch) : "embedding.weight";
  const auto layer = shapes.find(first);
  int64_t inputs = 0;
  if (layer != shapes.end() && layer->second.size() >= 2) {
    inputs = tensorflow ? layer->second[layer->second.size() - 2] : layer->second[1];
  }
  const int64_t features = kFeatures * arch.width;
  HeadSize head{.classes = found->second[tensorflow ? 1 : 0]};
  int64_t side = 1;
  if (arch.pool == PoolType::kFlatten) {
    while (side < kLargest && side * side * features < inputs) ++side;
    head.image_size = side * (arch.no_downsample ? 16 : 32);
  }
  if (side * side * features != inputs || head.classes < 2) {
    throw InputError(concat(where, " '", first, "'"),
                     concat("has ", inputs, " inputs, but the pooling of ", arch.str(), " gives ", features,
                            arch.pool == PoolType::kFlatten ? " at each place of a square" : "",
                            head.classes < 2 ? "; and there are fewer than 2 classes" : ""),
                     "is it the right `arch`?");
  }
  return head;
}

}  // namespace assemble
