// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "assemble/models/arch.h"

namespace assemble {

/// How a variable of the original lies in memory beside our parameter.
enum class TfLayout {
  kSame,       ///< the same shape
  kKernel,     ///< convolution: height, width, in, out there; out, in, height, width here
  kDense,      ///< in, out there; out, in here
  kDepthwise,  ///< depthwise convolution: height, width, channels, 1 there; channels, 1, height, width here
  kPointwise,  ///< dense layer as a 1×1 convolution: 1, 1, in, out there; out, in here
};

/// One of our parameters or buffers and the variable of the original TensorFlow implementation that it comes from.
struct TfVariable {
  std::string name;     ///< as ClassifierImpl::named_state() has it
  std::string tf_name;  ///< for example "resnet_model/stage1/big1/sk_block_2/sk_fc_1/kernel"
  TfLayout layout;
};

/// Every variable of the original's network of this arch, in its order of creation. TensorFlow numbers layers without a
/// name in that order within their scope: conv2d, conv2d_1, …
/// @throws UsageError for mobilenet_v1, which the original does not have
std::vector<TfVariable> tf_variables(const Arch& arch);

/// Shape of the original's variable for one of ours.
std::vector<int64_t> tf_shape(const std::vector<int64_t>& shape, TfLayout layout);
/// A variable of the original in our layout, and one of ours in the original's.
torch::Tensor from_tf(const torch::Tensor& variable, TfLayout layout);
torch::Tensor to_tf(const torch::Tensor& parameter, TfLayout layout);

}  // namespace assemble
