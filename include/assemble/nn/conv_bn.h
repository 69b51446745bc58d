// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "assemble/nn/batch_norm.h"

namespace assemble::nn {

/// Options of Conv.
struct ConvOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel = 1;  ///< odd side of the kernel
  int64_t stride = 1;
  int64_t groups = 1;  ///< in_channels for a depthwise convolution
  bool bias = false;   ///< starts at 0
  /// TensorFlow's "SAME" padding: at larger strides no more than ceil(size / stride) windows need, an odd pixel at the
  /// end. Kernel 3 at stride 2 pads even sides at the end alone.
  bool same_padding = false;
};

/// Two-dimensional convolution, padded by (kernel - 1) / 2 on each side: "same" at stride 1, and the
/// original's explicit padding at larger strides.
///
/// [N, in, H, W] to [N, out, ceil(H / stride), ceil(W / stride)]; weight [out, in / groups, kernel, kernel] in
/// channels_last memory. The weight is not initialised here: see initialise_weights().
class ConvImpl : public torch::nn::Module {
 public:
  explicit ConvImpl(const ConvOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const ConvOptions options;
  torch::Tensor weight;
  torch::Tensor bias;  ///< [out], or undefined
};
TORCH_MODULE(Conv);

/// Options of ConvBn.
struct ConvBnOptions {
  ConvOptions conv;
  bool relu = true;
  double bn_momentum = 0.997;
};

/// Convolution, batch norm and, when asked, ReLU. Parameters are named like those of a torch::nn::Sequential: the
/// convolution is "0", the batch norm "1".
class ConvBnImpl : public torch::nn::Module {
 public:
  explicit ConvBnImpl(const ConvBnOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  /// relu(BN(conv(input)) + addend), whatever the options say of the ReLU.
  torch::Tensor forward_sum(const torch::Tensor& input, const torch::Tensor& addend);
  void pretty_print(std::ostream& stream) const override;

  const ConvBnOptions options;
  Conv conv;
  BatchNorm bn;
};
TORCH_MODULE(ConvBn);

/// Draws fresh weights for every Conv and Dense below `module`, as the original does.
///
/// Convolutions: truncated normal (redrawn beyond two deviations) of variance 1 / fan_in, where fan_in is the number of
/// inputs of one output. Dense layers: uniform in ±sqrt(6 / (in + out)) (Glorot & Bengio 2010); their biases are left.
/// The weights depend on `seed` and the order of the parameters alone.
void initialise_weights(torch::nn::Module& module, uint64_t seed);

}  // namespace assemble::nn
