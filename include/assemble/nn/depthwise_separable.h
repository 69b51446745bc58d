// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "assemble/nn/batch_norm.h"
#include "assemble/nn/bottleneck.h"
#include "assemble/nn/conv_bn.h"
#include "assemble/nn/drop_block.h"
#include "assemble/nn/squeeze_excite.h"

namespace assemble::nn {

/// Options of DepthwiseSeparable.
struct DepthwiseSeparableOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t stride = 1;
  int64_t se_ratio = 0;  ///< squeeze and excitation at the end; 0 is off
  double bn_momentum = 0.997;
  double bn_epsilon = kBatchNormEpsilon;
  bool same_padding = false;                                ///< of the depthwise convolution, see ConvOptions
  bool relu6 = false;                                       ///< min(relu(x), 6) in place of relu
  std::optional<BlockDropBlock> drop_block = std::nullopt;  ///< after both batch norms; a unit uses two layer numbers
};

/// Depthwise separable convolution (Howard et al., arXiv 1704.04861):
///   y = SE(relu(BN(1×1(relu(BN(depthwise 3×3(x))))))), the stride in the depthwise convolution.
/// Shapes: [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)].
/// Parameters: conv_dw, bn1, conv_pw, bn2, se.
class DepthwiseSeparableImpl : public torch::nn::Module {
 public:
  static constexpr uint32_t kDropBlockLayers = 2;

  explicit DepthwiseSeparableImpl(const DepthwiseSeparableOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const DepthwiseSeparableOptions options;

 private:
  torch::Tensor activate_dropped(BatchNorm& bn, DropBlock& drop, const torch::Tensor& input);

  Conv conv_dw_;
  BatchNorm bn1_;
  Conv conv_pw_;
  BatchNorm bn2_;
  SqueezeExcite se_{nullptr};
  DropBlock drop1_{nullptr};
  DropBlock drop2_{nullptr};
};
TORCH_MODULE(DepthwiseSeparable);

}  // namespace assemble::nn
