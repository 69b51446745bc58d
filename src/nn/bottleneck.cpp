// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/bottleneck.h"

#include "assemble/nn/big_little.h"
#include "assemble/nn/resnet_d.h"

namespace assemble::nn {

ShortcutImpl::ShortcutImpl(const ShortcutOptions& shortcut_options) : options(shortcut_options) {
  TORCH_CHECK(options.kind != ShortcutKind::kIdentity, "an identity shortcut has no module");
  const bool strided = options.kind == ShortcutKind::kStrided;
  const bool averages = options.kind == ShortcutKind::kResNetD || options.kind == ShortcutKind::kTf2D ||
                        options.kind == ShortcutKind::kTimmD;
  const int first = averages ? 1 : 0;
  conv = register_module(std::to_string(first), Conv(ConvOptions{.in_channels = options.in_channels,
                                                                 .out_channels = options.out_channels,
                                                                 .stride = strided ? options.stride : 1}));
  bn = register_module(std::to_string(first + 1), make_batch_norm(options.out_channels, options.bn_momentum));
  if (options.kind == ShortcutKind::kBlurred && options.stride > 1) {
    blur = register_module("blur", BlurPool(BlurPoolOptions{.size = options.blur_size, .stride = options.stride}));
  }
}

torch::Tensor ShortcutImpl::pool(const torch::Tensor& input) {
  if (blur) return blur->forward(input);
  if (options.kind == ShortcutKind::kResNetD) return resnet_d_shortcut_pool(input, options.stride);
  if (options.kind == ShortcutKind::kTf2D) return tf2_shortcut_pool(input, options.stride);
  if (options.kind == ShortcutKind::kTimmD) return timm_shortcut_pool(input, options.stride);
  if (options.kind == ShortcutKind::kBigLittle) return big_little_shortcut_pool(input, options.stride);
  return input;
}

torch::Tensor ShortcutImpl::forward(const torch::Tensor& input) { return bn->forward(conv->forward(pool(input))); }

void ShortcutImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::Shortcut(" << options.in_channels << ", " << options.out_channels
         << ", stride=" << options.stride << ")";
}

BottleneckImpl::BottleneckImpl(const BottleneckOptions& block_options)
    : options(block_options),
      conv1_(register_module("conv1",
                             Conv(ConvOptions{.in_channels = options.in_channels, .out_channels = options.filters}))),
      bn1_(register_module("bn1", make_batch_norm(options.filters, options.bn_momentum))) {
  const int64_t out_channels = kExpansion * options.filters;
  make_middle();
  conv3_ = register_module("conv3", Conv(ConvOptions{.in_channels = options.filters, .out_channels = out_channels}));
  bn3_ = register_module("bn3", make_batch_norm(out_channels, options.bn_momentum, options.zero_gamma));
  if (options.se_ratio > 0) {
    se_ = register_module("se", SqueezeExcite(SqueezeExciteOptions{
                                    .channels = out_channels, .ratio = options.se_ratio, .bias = options.se_bias}));
  }
  if (options.eca) eca_ = register_module("eca", EfficientChannelAttention(out_channels));
  if (options.stochastic_depth) {
    stochastic_depth_ =
        register_module("depth", StochasticDepth(options.stochastic_depth->options, options.stochastic_depth->state));
  }
  if (options.shortcut != ShortcutKind::kIdentity) {
    downsample_ = register_module("downsample", Shortcut(ShortcutOptions{.kind = options.shortcut,
                                                                         .in_channels = options.in_channels,
                                                                         .out_channels = out_channels,
                                                                         .stride = options.stride,
                                                                         .blur_size = options.blur_size,
                                                                         .bn_momentum = options.bn_momentum}));
  }
  make_drop_blocks();
}

void BottleneckImpl::make_middle() {
  const bool blurred = options.blur_conv && options.stride > 1;
  const int64_t stride = blurred ? 1 : options.stride;
  if (options.selective_kernel) {
    selective_kernel_ =
        register_module("conv2", SelectiveKernel(SelectiveKernelOptions{.in_channels = options.filters,
                                                                        .filters = options.filters,
                                                                        .stride = stride,
                                                                        .bn_momentum = options.bn_momentum}));
  } else {
    conv2_ = register_module(
        "conv2", Conv(ConvOptions{
                     .in_channels = options.filters, .out_channels = options.filters, .kernel = 3, .stride = stride}));
    bn2_ = register_module("bn2", make_batch_norm(options.filters, options.bn_momentum));
  }
  if (blurred) {
    blur_ = register_module("blur", BlurPool(BlurPoolOptions{.size = options.blur_size, .stride = options.stride}));
  }
}

void BottleneckImpl::make_drop_blocks() {
  if (!options.drop_block) return;
  DropBlockOptions drop_options = options.drop_block->options;
  for (uint32_t i = 0; i < kDropBlockLayers; ++i, ++drop_options.layer) {
    drop_blocks_.push_back(
        register_module("drop" + std::to_string(i), DropBlock(drop_options, options.drop_block->state)));
  }
}

torch::Tensor BottleneckImpl::drop(size_t index, const torch::Tensor& input) {
  return drop_blocks_.empty() ? input : drop_blocks_[index]->forward(input);
}

torch::Tensor BottleneckImpl::activate_dropped(size_t index, BatchNorm& bn, const torch::Tensor& input) {
  return drop_blocks_.empty() ? bn->forward(input, Activation::kRelu) : drop(index, bn->forward(input)).relu_();
}

torch::Tensor BottleneckImpl::middle(const torch::Tensor& input) {
  torch::Tensor output = selective_kernel_ ? drop(1, selective_kernel_->forward(input))
                                           : activate_dropped(1, bn2_, conv2_->forward(input));
  return blur_ ? blur_->forward(output) : output;
}

torch::Tensor BottleneckImpl::forward(const torch::Tensor& input) {
  const torch::Tensor shortcut = downsample_ ? drop(3, downsample_->forward(input)) : input;
  const Activation activation = options.last_relu ? Activation::kRelu : Activation::kNone;
  const torch::Tensor convolved = conv3_->forward(middle(activate_dropped(0, bn1_, conv1_->forward(input))));
  if (drop_blocks_.empty() && !se_ && !eca_ && !stochastic_depth_) {
    return bn3_->forward_sum(convolved, shortcut, activation);
  }
  torch::Tensor output = drop(2, bn3_->forward(convolved));
  if (se_) output = se_->forward(output);
  if (eca_) output = eca_->forward(output);
  if (stochastic_depth_) output = stochastic_depth_->forward(output);
  return activate(output.add_(shortcut), activation);
}

void BottleneckImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::Bottleneck(" << options.in_channels << ", " << options.filters
         << ", stride=" << options.stride << ")";
}

BottleneckStackImpl::BottleneckStackImpl(const BottleneckOptions& first, int64_t blocks, bool last_relu) {
  BottleneckOptions options = first;
  for (int64_t i = 0; i < blocks; ++i) {
    options.last_relu = i == 0 || i + 1 < blocks || last_relu;
    blocks_.push_back(register_module(std::to_string(i), Bottleneck(options)));
    options.in_channels = BottleneckImpl::kExpansion * options.filters;
    options.stride = 1;
    options.shortcut = ShortcutKind::kIdentity;
    if (options.drop_block) options.drop_block->options.layer += BottleneckImpl::kDropBlockLayers;
    if (options.stochastic_depth) ++options.stochastic_depth->options.block;
  }
}

torch::Tensor BottleneckStackImpl::forward(const torch::Tensor& input) {
  torch::Tensor output = input;
  for (auto& block : blocks_) output = block->forward(output);
  return output;
}

void BottleneckStackImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::BottleneckStack(" << blocks_.size() << " blocks)";
}

}  // namespace assemble::nn
