// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/batchnorm.h>

#include <vector>

#include "assemble/models/classifier.h"
#include "assemble/nn/conv_bn.h"
#include "assemble/nn/depthwise_separable.h"

namespace assemble {

/// MobileNetV1 (Howard et al., arXiv 1704.04861): 3×3/2 convolution to `width` channels, then thirteen depthwise
/// separable units of 2, 4, 4, 8, 8, 16 (six times), 32 and 32 times as many. `w32`, the default, is the paper's width
/// multiplier 1.0; w16 is 0.5.
///
/// Activations are ReLU, as in the paper (TensorFlow-Slim's ReLU6 was added for fixed-point arithmetic). Strided
/// convolutions are padded by one on both sides. DropBlock is in the last two resolutions: gamma × 0.25 at stride 16
/// and × 1 at stride 32. Parameters: conv1, bn1, units.0 … units.12, fc.
class MobileNetV1Impl : public ClassifierImpl {
 public:
  MobileNetV1Impl(const Arch& arch, const ClassifierOptions& options);

 protected:
  torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) override;

 private:
  nn::Conv conv1_{nullptr};
  torch::nn::BatchNorm2d bn1_{nullptr};
  std::vector<nn::DepthwiseSeparable> units_;
};

}  // namespace assemble
