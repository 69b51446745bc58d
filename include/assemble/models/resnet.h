// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/models/classifier.h"
#include "assemble/nn/batch_norm.h"
#include "assemble/nn/big_little.h"
#include "assemble/nn/bottleneck.h"
#include "assemble/nn/resnet_d.h"

namespace assemble {

/// Whether an arch is a ResNet of this library.
bool is_resnet(const Arch& arch);

/// Blocks of the four stages: version 1 (50, 101, 152, 200 layers), or version 2 for big-little (50, 101, 152).
std::vector<int64_t> resnet_stage_blocks(const Arch& arch);

/// ResNet with the tweaks of Assemble (Lee et al., arXiv 2001.06268).
///
/// Parameters as torchvision's (conv1, bn1, layer1 … layer4, fc) and timm's (deep stem of `d`, se). A big-little
/// network has `stem` after bn1, and layer1 … layer3 are nn::BigLittleStage.
class ResNetImpl : public ClassifierImpl {
 public:
  ResNetImpl(const Arch& arch, const ClassifierOptions& options);

 protected:
  torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) override;
  int stage_of(const std::string& name) const override;

 private:
  void make_stem();
  nn::BottleneckOptions block_options(int64_t stage, int64_t stride);
  void make_big_little_stage(int64_t stage);
  void make_stage(int64_t stage);
  torch::Tensor stem(const torch::Tensor& images, Endpoints* endpoints);

  nn::Conv conv1_{nullptr};
  nn::ResNetDStem deep_conv1_{nullptr};
  nn::BatchNorm bn1_{nullptr};
  nn::BigLittleStem big_little_stem_{nullptr};
  std::vector<nn::BigLittleStage> big_little_stages_;
  std::vector<nn::BottleneckStack> stages_;
  int64_t channels_ = 0;
  uint32_t drop_block_layer_ = 0;
  uint32_t block_number_ = 0;
};

/// The original's max pooling: 3×3 at stride 2, padded "same" with minus infinity, which for even sides is at the end
/// alone. [N, C, H, W] to [N, C, ceil(H / 2), ceil(W / 2)].
torch::Tensor same_max_pool(const torch::Tensor& input);

}  // namespace assemble
