// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/models/classifier.h"
#include "assemble/nn/batch_norm.h"
#include "assemble/nn/conv_bn.h"
#include "assemble/nn/depthwise_separable.h"

namespace assemble {

/// MobileNetV1 (Howard et al., arXiv 1704.04861): 3×3/2 convolution to `width` channels, then thirteen depthwise
/// separable units of 2, 4, 4, 8, 8, 16 (six times), 32 and 32 times as many. `w32`, the default, is the paper's width
/// multiplier 1.0; w16 is 0.5.
///
/// Activations are ReLU, as in the paper; with the tweaks `slim` and `timm` they are the ReLU6 that TensorFlow-Slim
/// added for fixed-point arithmetic. Strided convolutions are padded by one on both sides, with `slim` as "SAME"
/// padding does; `slim` also sets the batch norms' epsilon to 0.001. DropBlock is in the last two resolutions: gamma ×
/// 0.25 at stride 16 and × 1 at stride 32. Parameters: conv1, bn1, units.0 … units.12, fc.
class MobileNetV1Impl : public ClassifierImpl {
 public:
  MobileNetV1Impl(const Arch& arch, const ClassifierOptions& options);

 protected:
  torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) override;
  /// Stages are the resolutions from stride 4 on; the first unit, at stride 2, belongs to the stem.
  int stage_of(const std::string& name) const override;

 private:
  bool has_relu6() const { return arch_.slim || arch_.timm; }

  nn::Conv conv1_{nullptr};
  nn::BatchNorm bn1_{nullptr};
  std::vector<nn::DepthwiseSeparable> units_;
};

}  // namespace assemble
