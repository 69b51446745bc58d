// SPDX-License-Identifier: Apache-2.0
// TrivialAugment's and RandAugment's operations on a drawn crop of 224×224, and what they, AugMix and PixMix cost an
// image on average; and the drawing of one fractal for it.
#include <benchmark/benchmark.h>

#include "assemble/data/draw.h"
#include "assemble/image/aug_mix.h"
#include "assemble/image/fractals.h"
#include "assemble/image/pix_mix.h"
#include "assemble/image/random_augment.h"

namespace assemble {
namespace {

Image crop() {
  Random random(7, RandomPurpose::kDraw);
  return draw_image(0, 224, random);
}

void operation(benchmark::State& state) {
  const RandomAugment wide{.trivial_wide = true};
  const auto kind = static_cast<RandomOperation>(state.range(0));
  const Image original = crop();
  const DrawnChange change{kind, random_magnitude(wide, kind, 15, original.height, original.width)};
  Image image = original;
  for (auto _ : state) {
    image.pixels = original.pixels;
    apply_change(image, change);
    benchmark::DoNotOptimize(image.pixels.data());
  }
}

void images(benchmark::State& state, const RandomAugment& augment) {
  const Image original = crop();
  Image image = original;
  uint64_t sample = 0;
  for (auto _ : state) {
    image.pixels = original.pixels;
    Random random(1, RandomPurpose::kAugment, 0, sample++);
    random_augment(image, augment, random);
    benchmark::DoNotOptimize(image.pixels.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void aug_mix_view(benchmark::State& state) {
  const Image original = crop();
  std::vector<float> mixed(original.pixels.size());
  uint64_t sample = 0;
  for (auto _ : state) {
    Random random(1, RandomPurpose::kAugment, 0, sample++);
    aug_mix(original, {.severity = 3}, random, mixed);
    benchmark::DoNotOptimize(mixed.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void pix_mix_image(benchmark::State& state) {
  const Image original = crop();
  const std::vector<Image> pictures = draw_fractals(4, 256, 1);
  std::vector<float> mixed(original.pixels.size());
  uint64_t sample = 0;
  for (auto _ : state) {
    Random random(1, RandomPurpose::kAugment, 0, sample++);
    pix_mix(original, {.rounds = 4}, pictures, random, mixed);
    benchmark::DoNotOptimize(mixed.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void pix_mix_fractal(benchmark::State& state) {
  uint64_t sample = 0;
  for (auto _ : state) {
    Random random(1, RandomPurpose::kMixingSet, 256, sample++);
    benchmark::DoNotOptimize(draw_fractal(256, random).pixels.data());
  }
}

BENCHMARK(pix_mix_image)->Unit(benchmark::kMicrosecond);
BENCHMARK(pix_mix_fractal)->Unit(benchmark::kMillisecond);
BENCHMARK(aug_mix_view)->Unit(benchmark::kMicrosecond);
BENCHMARK(operation)
    ->Name("random_augment/operation")
    ->DenseRange(0, kRandomOperations - 1)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(images, trivial_wide, RandomAugment{.trivial_wide = true})
    ->Name("random_augment/trivial_wide")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(images, rand, RandomAugment{})->Name("random_augment/rand")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assemble
