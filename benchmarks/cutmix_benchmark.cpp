// SPDX-License-Identifier: Apache-2.0
// CutMix of a batch of 32 images of 224×224 with 1000 classes, beside mixup.
#include <benchmark/benchmark.h>

#include "assemble/train/cutmix.h"

namespace assemble {
namespace {

constexpr int64_t kImages = 32;
constexpr int kSide = 224;

LabelledBatch batch() {
  return {
      torch::rand({kImages, 3, kSide, kSide}).to(torch::MemoryFormat::ChannelsLast), torch::rand({kImages, 1000}), {}};
}

template <typename Mix>
void run(benchmark::State& state, Mix mix_batch) {
  const LabelledBatch whole = batch();
  Random random(1, RandomPurpose::kCutMix);
  for (auto _ : state) benchmark::DoNotOptimize(mix_batch(whole, random).images.data_ptr());
  state.SetItemsProcessed(state.iterations() * kImages);
}

void cutmix(benchmark::State& state) {
  run(state, [](const LabelledBatch& whole, Random& random) {
    return cut_mix(whole, MixupType::kOff, draw_cut_window(kSide, kSide, 1, random));
  });
}

void mixup(benchmark::State& state) {
  run(state, [](const LabelledBatch& whole, Random& random) {
    return mix(whole, MixupType::kReversed, draw_lambdas(MixupType::kReversed, kImages, 0.2, random));
  });
}

BENCHMARK(cutmix)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(mixup)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assemble
