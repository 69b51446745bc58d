// SPDX-License-Identifier: Apache-2.0
// Forward and backward pass of each technique at the size it has in stage 2 of a ResNet-50 at 224 (batch 8, 28×28),
// beside the plain 3×3 convolution whose place or neighbourhood it takes.
#include <benchmark/benchmark.h>

#include "assemble/nn/blur_pool.h"
#include "assemble/nn/conv_bn.h"
#include "assemble/nn/drop_block.h"
#include "assemble/nn/efficient_channel_attention.h"
#include "assemble/nn/gem_pool.h"
#include "assemble/nn/selective_kernel.h"
#include "assemble/nn/squeeze_excite.h"
#include "assemble/nn/stochastic_depth.h"

namespace assemble::nn {
namespace {

constexpr int64_t kBatch = 8;
constexpr int64_t kChannels = 128;
constexpr int64_t kSide = 28;

torch::Tensor activations() {
  return torch::rand({kBatch, kChannels, kSide, kSide}).to(torch::MemoryFormat::ChannelsLast).requires_grad_();
}

template <typename Layer>
void run(benchmark::State& state, Layer layer) {
  torch::Tensor input = activations();
  for (auto _ : state) {
    layer(input).sum().backward();
    input.mutable_grad() = torch::Tensor();
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}

void conv_bn_relu(benchmark::State& state) {
  run(state, ConvBn(ConvBnOptions{.conv = {.in_channels = kChannels, .out_channels = kChannels, .kernel = 3}}));
}

void selective_kernel(benchmark::State& state) {
  run(state, SelectiveKernel(SelectiveKernelOptions{.in_channels = kChannels, .filters = kChannels}));
}

void squeeze_excite(benchmark::State& state) { run(state, SqueezeExcite(SqueezeExciteOptions{.channels = kChannels})); }

void blur_pool(benchmark::State& state) { run(state, BlurPool(BlurPoolOptions{.size = state.range(0)})); }

void gem(benchmark::State& state) { run(state, gem_pool); }

void drop_block(benchmark::State& state) {
  auto shared = std::make_shared<DropBlockState>();
  shared->keep_probability = 0.9;
  run(state, DropBlock(DropBlockOptions{}, shared));
}

void efficient_channel_attention(benchmark::State& state) { run(state, EfficientChannelAttention(kChannels)); }

void stochastic_depth(benchmark::State& state) {
  run(state, StochasticDepth(StochasticDepthOptions{.last_rate = 0.1}, std::make_shared<StochasticDepthState>()));
}

BENCHMARK(conv_bn_relu)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(selective_kernel)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(squeeze_excite)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(efficient_channel_attention)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(stochastic_depth)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(blur_pool)->Arg(3)->Arg(5)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(gem)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(drop_block)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assemble::nn
