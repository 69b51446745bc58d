// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/big_little.h"

#include <algorithm>

namespace assemble::nn {
namespace {

int64_t little_blocks(int64_t blocks, int64_t beta) { return std::max<int64_t>(1, blocks / beta - 1); }

ConvBnOptions conv_bn(const BigLittleStemOptions& options, ConvOptions conv, bool relu) {
  return {.conv = conv, .relu = relu, .bn_momentum = options.bn_momentum};
}

}  // namespace

int64_t big_little_blocks(int64_t blocks, int64_t beta) { return blocks + little_blocks(blocks, beta); }

torch::Tensor big_little_shortcut_pool(const torch::Tensor& input, int64_t stride) {
  if (stride == 1) return input;
  return torch::avg_pool2d(input, {3, 3}, {stride, stride}, {1, 1});
}

torch::Tensor big_little_upsample(const torch::Tensor& big) {
  return torch::upsample_nearest2d(big, {2 * big.size(2), 2 * big.size(3)});
}

BigLittleStemImpl::BigLittleStemImpl(const BigLittleStemOptions& stem_options) : options(stem_options) {
  const int64_t channels = options.channels;
  const int64_t little = channels / options.alpha;
  const ConvOptions big_conv{.in_channels = channels, .out_channels = channels, .kernel = 3, .stride = 2};
  const ConvOptions little_first{.in_channels = channels, .out_channels = little, .kernel = 3};
  const ConvOptions little_second{.in_channels = little, .out_channels = little, .kernel = 3, .stride = 2};
  const ConvOptions little_third{.in_channels = little, .out_channels = channels};
  const ConvOptions merge{.in_channels = channels, .out_channels = channels};
  big_ = register_module("big", ConvBn(conv_bn(options, big_conv, false)));
  little_ = register_module("little", torch::nn::Sequential(ConvBn(conv_bn(options, little_first, true)),
                                                            ConvBn(conv_bn(options, little_second, true)),
                                                            ConvBn(conv_bn(options, little_third, false))));
  merge_ = register_module("merge", ConvBn(conv_bn(options, merge, true)));
}

torch::Tensor BigLittleStemImpl::forward(const torch::Tensor& input) {
  return merge_->forward(big_->forward_sum(input, little_->forward(input)));
}

void BigLittleStemImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::BigLittleStem(" << options.channels << ", alpha=" << options.alpha << ")";
}

BigLittleStageImpl::BigLittleStageImpl(const BigLittleStageOptions& stage_options) : options(stage_options) {
  const int64_t out_channels = BottleneckImpl::kExpansion * options.block.filters;
  BottleneckOptions block = options.block;
  block.shortcut = options.shortcut;
  const auto skip_layers = [&](int64_t blocks) {
    if (block.stochastic_depth) block.stochastic_depth->options.block += static_cast<uint32_t>(blocks);
    if (block.drop_block) block.drop_block->options.layer += BottleneckImpl::kDropBlockLayers * blocks;
  };

  block.stride = 2;
  big_ = register_module("big", BottleneckStack(block, options.blocks - 1, /*last_relu=*/false));
  skip_layers(options.blocks - 1);

  block.stride = 1;
  block.filters = options.block.filters / options.alpha;
  const int64_t in_little = little_blocks(options.blocks, options.beta);
  little_ = register_module("little", BottleneckStack(block, in_little));
  skip_layers(in_little);
  const ConvOptions expand{.in_channels = BottleneckImpl::kExpansion * block.filters, .out_channels = out_channels};
  expand_ =
      register_module("expand", ConvBn(ConvBnOptions{.conv = expand, .relu = false, .bn_momentum = block.bn_momentum}));

  block.stride = options.merge_stride;
  block.in_channels = out_channels;
  block.filters = options.block.filters;
  merge_ = register_module("merge", Bottleneck(block));
}

uint32_t BigLittleStageImpl::drop_block_layers() const {
  return static_cast<uint32_t>(big_little_blocks(options.blocks, options.beta)) * BottleneckImpl::kDropBlockLayers;
}

BigLittleActivations BigLittleStageImpl::forward(const torch::Tensor& input) {
  BigLittleActivations activations;
  activations.big = big_->forward(input);
  activations.little = little_->forward(input);
  activations.merged = merge_->forward(expand_->forward_sum(activations.little, big_little_upsample(activations.big)));
  return activations;
}

void BigLittleStageImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::BigLittleStage(" << options.block.filters << ", blocks=" << options.blocks
         << ", alpha=" << options.alpha << ", beta=" << options.beta << ")";
}

}  // namespace assemble::nn
