// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/resnet_d.h"

namespace assemble::nn {
namespace {

ConvOptions stem_convolution(int64_t in_channels, int64_t out_channels, int64_t stride) {
  return {.in_channels = in_channels, .out_channels = out_channels, .kernel = 3, .stride = stride};
}

}  // namespace

ResNetDStemImpl::ResNetDStemImpl(const ResNetDStemOptions& stem_options)
    : options(stem_options),
      conv1(register_module("0", Conv(stem_convolution(3, options.width / 2, 2)))),
      bn1(register_module("1", make_batch_norm(options.width / 2, options.bn_momentum))),
      conv2(register_module("3", Conv(stem_convolution(options.width / 2, options.width / 2, 1)))),
      bn2(register_module("4", make_batch_norm(options.width / 2, options.bn_momentum))),
      conv3(register_module("6", Conv(stem_convolution(options.width / 2, options.width, 1)))) {}

torch::Tensor ResNetDStemImpl::forward(const torch::Tensor& input) {
  const torch::Tensor first = bn1->forward(conv1->forward(input), Activation::kRelu);
  return conv3->forward(bn2->forward(conv2->forward(first), Activation::kRelu));
}

void ResNetDStemImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::ResNetDStem(" << options.width << ")";
}

torch::Tensor resnet_d_shortcut_pool(const torch::Tensor& input, int64_t stride) {
  if (stride == 1) {
    // Repeating the last row and column makes the plain average equal to that over the existing pixels.
    return torch::avg_pool2d(torch::replication_pad2d(input, {0, 1, 0, 1}), {2, 2}, {1, 1});
  }
  // ceil_mode adds the window that an odd side's zero would fill; the fixed divisor counts that zero.
  return torch::avg_pool2d(input, {2, 2}, {stride, stride}, {0, 0}, /*ceil_mode=*/true, /*count_include_pad=*/true,
                           /*divisor_override=*/4);
}

torch::Tensor tf2_shortcut_pool(const torch::Tensor& input, int64_t stride) {
  return stride == 1 ? input : resnet_d_shortcut_pool(input, stride);
}

torch::Tensor timm_shortcut_pool(const torch::Tensor& input, int64_t stride) {
  if (stride == 1) return input;
  return torch::avg_pool2d(input, {2, 2}, {stride, stride}, {0, 0}, /*ceil_mode=*/true, /*count_include_pad=*/false);
}

}  // namespace assemble::nn
