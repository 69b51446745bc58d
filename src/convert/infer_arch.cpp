// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/infer_arch.h"

#include "outline.h"

namespace assemble {
namespace {

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

void find_tf_version_2(const Outline& outline, Arch& arch) {
  arch.big_little = true;
  arch.width = static_cast<int>(outline.extent(
      arch.resnet_d ? "resnet_model/stage0/conv2d_2/kernel" : "resnet_model/stage0/conv2d/kernel", 4, -1));
  const int64_t convolutions = outline.numbered_convolutions("resnet_model/stage3/big3/");
  const auto base = find_base(arch, [&](const auto& blocks) { return convolutions == 1 + 3 * (blocks[2] - 1); });
  if (!base) outline.fail(concat("stage 3's big branch has ", convolutions, " convolutions, those of no depth"));
  arch.base = *base;
  Pairs widths{{arch.width, outline.extent("resnet_model/stage0/pool/conv2d_1/kernel", 4, -1)}};
  std::vector<int64_t> little;
  for (int64_t stage = 1; stage <= 3; ++stage) {
    const std::string scope = concat("resnet_model/stage", stage, "/little", stage, "/");
    widths.emplace_back(int64_t{arch.width} << (stage - 1), outline.extent(scope + "conv2d_1/kernel", 4, -1));
    little.push_back((outline.numbered_convolutions(scope) - 2) / 3);
  }
  arch.alpha = find_alpha(outline, widths);
  arch.beta = find_beta(outline, resnet_stage_blocks(arch), little);
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
  const Pairs squeezes = squeezes_of(outline, "/seblock_dense_1/kernel", true);
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
  const Pairs squeezes = squeezes_of(outline, ".se.fc1.weight", false);
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

InferredArch infer_arch(const WeightSource& source) {
  const Naming naming = find_naming(source);
  switch (naming) {
    case Naming::kOriginal:
      return infer_tf_arch(source.shapes(), source.where());
    case Naming::kTf2:
      return infer_tf2_arch(source.shapes(), source.where());
    case Naming::kOwn:
      return infer_torch_arch(source.shapes(), source.where());
    case Naming::kSlim:
    case Naming::kKeras:
    case Naming::kTimmMobileNet:
      break;
  }
  return infer_mobilenet_arch(source.shapes(), naming, source.where());
}

HeadSize infer_head(const Shapes& shapes, const Arch& arch, Naming naming, const std::string& where) {
  const bool tensorflow = naming != Naming::kOwn && naming != Naming::kTimmMobileNet;
  const std::string name = classifier_name(naming);
  const auto found = shapes.find(name);
  const size_t rank = naming == Naming::kSlim || naming == Naming::kKeras ? 4 : 2;
  if (found == shapes.end() || found->second.size() != rank) {
    throw InputError(where, concat("has no classifier '", name, "' of ", rank, " axes"),
                     "give the weights of a whole network, or the right `arch`");
  }
  const std::string first = arch.embedding == 0           ? name
                            : naming == Naming::kOriginal ? tf_head(arch)
                                                          : "embedding.weight";
  const auto layer = shapes.find(first);
  int64_t inputs = 0;
  if (layer != shapes.end() && layer->second.size() >= 2) {
    inputs = tensorflow ? layer->second[layer->second.size() - 2] : layer->second[1];
  }
  const int64_t features = kFeatures * arch.width;
  HeadSize head{.classes = tensorflow ? found->second.back() : found->second.front()};
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
