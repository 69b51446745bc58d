// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/pimpl.h>

#include "assemble/nn/batch_norm.h"
#include "assemble/nn/conv_bn.h"

namespace assemble::nn {

/// Options of ResNetDStem.
struct ResNetDStemOptions {
  int64_t width = 64;  ///< output channels
  double bn_momentum = 0.997;
};

/// The deep stem of ResNet-D (He et al., arXiv 1812.01187) in place of a 7×7 convolution: 3×3/2 to width / 2, 3×3 to
/// width / 2, 3×3 to width, with batch norm and ReLU between them.
///
/// Shapes: [N, 3, H, W] to [N, width, ceil(H / 2), ceil(W / 2)]; the batch norm after the last convolution belongs to
/// the network. Parameters are "0", "1", "3", "4" and "6", as in timm's deep stems.
class ResNetDStemImpl : public torch::nn::Module {
 public:
  explicit ResNetDStemImpl(const ResNetDStemOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const ResNetDStemOptions options;
  Conv conv1;
  BatchNorm bn1;
  Conv conv2;
  BatchNorm bn2;
  Conv conv3;
};
TORCH_MODULE(ResNetDStem);

/// The pooling of ResNet-D's shortcut, which a 1×1 convolution at stride 1 follows: the average of 2×2.
///
/// Stride 2: odd sides are padded by a zero at the end, which counts. Stride 1: the size stays, and averages at the end
/// are over the pixels that exist. Shapes: [N, C, H, W] to [N, C, ceil(H / stride), ceil(W / stride)].
torch::Tensor resnet_d_shortcut_pool(const torch::Tensor& input, int64_t stride);

/// The same pooling as the original's tf2.1 branch has it: at stride 1 nothing.
torch::Tensor tf2_shortcut_pool(const torch::Tensor& input, int64_t stride);

/// The same pooling as timm has it: at stride 2, averages at odd sides' ends are over the pixels that exist; at stride
/// 1 nothing. Shapes as above. Reference: timm/models/resnet.py, downsample_avg.
torch::Tensor timm_shortcut_pool(const torch::Tensor& input, int64_t stride);

}  // namespace assemble::nn
