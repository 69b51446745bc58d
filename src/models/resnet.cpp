// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/resnet.h"

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {
namespace {

constexpr double kDropBlockGammaStage3 = 0.25;

void keep(Endpoints* endpoints, const std::string& name, const torch::Tensor& activations) {
  if (endpoints) endpoints->emplace_back("resnet_model/" + name, activations);
}

std::string numbered(const char* name, int64_t stage) { return concat(name, stage); }

int64_t stage_stride(const Arch& arch, int64_t stage) {
  if (stage == 4) return arch.no_downsample ? 1 : 2;
  if (arch.big_little) return stage == 3 ? 1 : 2;
  return stage == 1 ? 1 : 2;
}

nn::ShortcutKind shortcut_kind(const Arch& arch) {
  if (arch.tf2) return arch.resnet_d ? nn::ShortcutKind::kTf2D : nn::ShortcutKind::kStrided;
  if (arch.resnet_d) return arch.timm ? nn::ShortcutKind::kTimmD : nn::ShortcutKind::kResNetD;
  if (arch.big_little) return nn::ShortcutKind::kBigLittle;
  return arch.blur_projection ? nn::ShortcutKind::kBlurred : nn::ShortcutKind::kStrided;
}

struct Depth {
  const char* base;
  std::vector<int64_t> blocks;
  std::vector<int64_t> big_little_blocks;
};

const Depth* find_depth(const std::string& base) {
  static const std::vector<Depth> table{{"resnet50", {3, 4, 6, 3}, {3, 4, 6, 3}},
                                        {"resnet101", {3, 4, 23, 3}, {4, 8, 18, 3}},
                                        {"resnet152", {3, 8, 36, 3}, {5, 12, 30, 3}},
                                        {"resnet200", {3, 24, 36, 3}, {}}};
  const auto found = std::find_if(table.begin(), table.end(), [&](const Depth& depth) { return base == depth.base; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

bool is_resnet(const Arch& arch) { return find_depth(arch.base) != nullptr; }

std::vector<int64_t> resnet_stage_blocks(const Arch& arch) {
  const Depth* depth = find_depth(arch.base);
  if (depth != nullptr && !arch.big_little) return depth->blocks;
  if (depth != nullptr && !depth->big_little_blocks.empty()) return depth->big_little_blocks;
  throw UsageError(concat("network '", arch.base, "'"), "no such depth",
                   "ResNets have 50, 101, 152 and, without bl, 200 layers");
}

namespace {

/// Residual blocks of a stage, also those of a little branch.
int64_t stage_blocks(const Arch& arch, int64_t stage) {
  const int64_t blocks = resnet_stage_blocks(arch)[static_cast<size_t>(stage - 1)];
  return arch.big_little && stage < 4 ? nn::big_little_blocks(blocks, arch.beta) : blocks;
}

uint32_t residual_blocks(const Arch& arch) {
  int64_t blocks = 0;
  for (int64_t stage = 1; stage <= 4; ++stage) blocks += stage_blocks(arch, stage);
  return static_cast<uint32_t>(blocks);
}

}  // namespace

torch::Tensor same_max_pool(const torch::Tensor& input) {
  // For even sides ceil_mode adds the window that reaches one pixel over the end.
  return torch::max_pool2d(input, {3, 3}, {2, 2}, {input.size(2) % 2, input.size(3) % 2}, {1, 1}, /*ceil_mode=*/true);
}

ResNetImpl::ResNetImpl(const Arch& arch, const ClassifierOptions& options) : ClassifierImpl(arch, options) {
  make_stem();
  for (int64_t stage = 1; stage <= 4; ++stage) {
    if (arch_.big_little && stage < 4) {
      make_big_little_stage(stage);
    } else {
      make_stage(stage);
    }
  }
  make_head(channels_, arch_.no_downsample ? 16 : 32);
}

void ResNetImpl::make_stem() {
  channels_ = arch_.width;
  if (arch_.resnet_d && !(arch_.tf2 && arch_.big_little)) {
    deep_conv1_ = register_module(
        "conv1", nn::ResNetDStem(nn::ResNetDStemOptions{.width = arch_.width, .bn_momentum = options_.bn_momentum}));
  } else {
    conv1_ = register_module(
        "conv1", nn::Conv(nn::ConvOptions{.in_channels = 3, .out_channels = arch_.width, .kernel = 7, .stride = 2}));
  }
  bn1_ = register_module("bn1", nn::make_batch_norm(arch_.width, options_.bn_momentum));
  if (arch_.big_little) {
    big_little_stem_ = register_module(
        "stem", nn::BigLittleStem(nn::BigLittleStemOptions{
                    .channels = arch_.width, .alpha = arch_.alpha, .bn_momentum = options_.bn_momentum}));
  }
}

nn::BottleneckOptions ResNetImpl::block_options(int64_t stage, int64_t stride) {
  nn::BottleneckOptions block{.in_channels = channels_,
                              .filters = arch_.width << (stage - 1),
                              .stride = stride,
                              .shortcut = shortcut_kind(arch_),
                              .blur_size = arch_.blur_size,
                              .blur_conv = arch_.blur_conv,
                              .se_ratio = arch_.se_ratio,
                              .se_bias = arch_.timm,
                              .eca = arch_.eca,
                              .selective_kernel = arch_.selective_kernel,
                              .zero_gamma = options_.zero_gamma,
                              .bn_momentum = options_.bn_momentum};
  if (stage >= 3) block.drop_block = drop_block(stage == 3 ? kDropBlockGammaStage3 : 1.0, drop_block_layer_);
  block.stochastic_depth = stochastic_depth(block_number_, residual_blocks(arch_));
  channels_ = nn::BottleneckImpl::kExpansion * block.filters;
  return block;
}

void ResNetImpl::make_big_little_stage(int64_t stage) {
  const int64_t stride = stage_stride(arch_, stage);
  nn::BigLittleStage module(
      nn::BigLittleStageOptions{.block = block_options(stage, stride),
                                .shortcut = arch_.tf2 ? shortcut_kind(arch_) : nn::ShortcutKind::kBigLittle,
                                .blocks = resnet_stage_blocks(arch_)[stage - 1],
                                .alpha = arch_.alpha,
                                .beta = arch_.beta,
                                .merge_stride = stride});
  if (stage >= 3) drop_block_layer_ += module->drop_block_layers();
  block_number_ += static_cast<uint32_t>(stage_blocks(arch_, stage));
  big_little_stages_.push_back(register_module(numbered("layer", stage), module));
}

void ResNetImpl::make_stage(int64_t stage) {
  const int64_t blocks = resnet_stage_blocks(arch_)[stage - 1];
  nn::BottleneckStack module(block_options(stage, stage_stride(arch_, stage)), blocks);
  if (stage >= 3) drop_block_layer_ += nn::BottleneckImpl::kDropBlockLayers * static_cast<uint32_t>(blocks);
  block_number_ += static_cast<uint32_t>(blocks);
  stages_.push_back(register_module(numbered("layer", stage), module));
}

torch::Tensor ResNetImpl::stem(const torch::Tensor& images, Endpoints* endpoints) {
  const torch::Tensor convolved = conv1_ ? conv1_->forward(images) : deep_conv1_->forward(images);
  keep(endpoints, "initial_conv", convolved);
  const torch::Tensor activations = bn1_->forward(convolved, nn::Activation::kRelu);
  if (big_little_stem_) return big_little_stem_->forward(activations);
  const torch::Tensor pooled =
      arch_.timm ? torch::max_pool2d(activations, {3, 3}, {2, 2}, {1, 1}) : same_max_pool(activations);
  keep(endpoints, "initial_max_pool", pooled);
  return pooled;
}

int ResNetImpl::stage_of(const std::string& name) const {
  constexpr std::string_view kStage = "layer";
  return name.starts_with(kStage) ? name.at(kStage.size()) - '0' : 0;
}

torch::Tensor ResNetImpl::stages(const torch::Tensor& images, Endpoints* endpoints) {
  torch::Tensor activations = stem(images, endpoints);
  int64_t stage = 1;
  for (auto& module : big_little_stages_) {
    const nn::BigLittleActivations parts = module->forward(activations);
    const std::string scope = numbered("stage", stage) + "/";
    for (const auto& [name, part] :
         {std::pair{"big", parts.big}, std::pair{"little", parts.little}, std::pair{"merge", parts.merged}}) {
      keep(endpoints, scope + numbered(name, stage) + "/" + numbered(name, stage), part);
    }
    activations = parts.merged;
    ++stage;
  }
  for (auto& module : stages_) {
    activations = module->forward(activations);
    keep(endpoints, (arch_.big_little ? "stage4/" : "") + numbered("block_layer", stage), activations);
    ++stage;
  }
  return activations;
}

}  // namespace assemble
