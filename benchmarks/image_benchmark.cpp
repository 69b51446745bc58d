// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file to the network's input, on one thread. The picture is drawn, 500×375 like ImageNet's.
#include <benchmark/benchmark.h>

#include "assemble/data/draw.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "assemble/image/resize.h"

namespace assemble {
namespace {

Image picture() {
  Random random(7, RandomPurpose::kDraw);
  Image square = draw_image(0, 500, random);
  square.height = 375;
  square.pixels.resize(static_cast<size_t>(375) * 500 * Image::kChannels);
  return square;
}

const Bytes& jpeg() {
  static const Bytes bytes = encode_jpeg(picture(), 90);
  return bytes;
}

void decode_whole(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(decode_image(jpeg(), "picture"));
}

/// The window in the middle whose sides are 1 / range(0) of the picture's.
void decode_part(benchmark::State& state) {
  const int parts = static_cast<int>(state.range(0));
  const auto middle = [parts](ImageSize size) {
    const int height = size.height / parts, width = size.width / parts;
    return Window{(size.height - height) / 2, (size.width - width) / 2, height, width};
  };
  for (auto _ : state) benchmark::DoNotOptimize(decode_window(jpeg(), "picture", middle));
}

void resize_to_224(benchmark::State& state) {
  const Image image = picture();
  std::vector<float> output(static_cast<size_t>(224) * 224 * Image::kChannels);
  for (auto _ : state) {
    resize_bilinear(image, 224, 224, output);
    benchmark::ClobberMemory();
  }
}

void evaluation_input(benchmark::State& state) {
  const Preprocessing preprocessing;
  std::vector<float> output(static_cast<size_t>(224) * 224 * Image::kChannels);
  for (auto _ : state) {
    preprocess_eval(jpeg(), "picture", preprocessing, output);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

void training_input(benchmark::State& state) {
  const Preprocessing preprocessing;
  const Augmentation augmentation;
  std::vector<float> output(static_cast<size_t>(224) * 224 * Image::kChannels);
  Random random(1, RandomPurpose::kAugment);
  for (auto _ : state) {
    preprocess_train(jpeg(), "picture", {}, preprocessing, augmentation, random, output);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(decode_whole)->Unit(benchmark::kMicrosecond);
BENCHMARK(decode_part)->Arg(2)->Arg(4)->Unit(benchmark::kMicrosecond);
BENCHMARK(resize_to_224)->Unit(benchmark::kMicrosecond);
BENCHMARK(evaluation_input)->Unit(benchmark::kMicrosecond);
BENCHMARK(training_input)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assemble
