// SPDX-License-Identifier: Apache-2.0
// AutoAugment: each operation on a crop of 224×224, and each policy as a part of training preprocessing, on one thread.
// Training reads the photos of $ASSEMBLE_DATA/photos, or a drawn picture of their size (500×375) when that is not set.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "assemble/data/draw.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"

namespace assemble {
namespace {

Image picture(int height, int width) {
  Random random(7, RandomPurpose::kDraw);
  Image image = draw_image(0, width, random);
  image.height = height;
  image.pixels.resize(static_cast<size_t>(height) * width * Image::kChannels);
  return image;
}

void operation(benchmark::State& state, AugmentOperation operation) {
  const Image original = picture(224, 224);
  Image image = original;
  for (auto _ : state) {
    image.pixels = original.pixels;
    apply_operation(image, {operation, 6, false, 0.5, 0.5});
    benchmark::DoNotOptimize(image.pixels.data());
  }
}

const std::vector<Bytes>& encoded_photos() {
  static const std::vector<Bytes> photos = []() -> std::vector<Bytes> {
    std::vector<Bytes> result;
    const char* data = std::getenv("ASSEMBLE_DATA");
    if (data == nullptr) return {encode_jpeg(picture(375, 500), 90)};
    for (const fs::path& path : find_images((fs::path(data) / "photos").string())) result.push_back(read_file(path));
    return result;
  }();
  return photos;
}

/// The n-th image has the same window and flip under every policy: box and flip are drawn first.
void training(benchmark::State& state, const AutoAugmentPolicy* policy) {
  const std::vector<Bytes>& photos = encoded_photos();
  const Preprocessing preprocessing;
  Augmentation augmentation;
  augmentation.auto_augment = policy;
  std::vector<float> output(static_cast<size_t>(224) * 224 * Image::kChannels);
  constexpr uint64_t kImages = 1000;
  for (auto _ : state) {
    for (uint64_t sample = 0; sample < kImages; ++sample) {
      Random random(1, RandomPurpose::kAugment, 0, sample);
      preprocess_train(photos[sample % photos.size()], "photo", {}, preprocessing, augmentation, random, output);
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kImages));
}

const bool kRegistered = [] {
  for (int i = 0; i <= static_cast<int>(AugmentOperation::kCutout); ++i) {
    const auto kind = static_cast<AugmentOperation>(i);
    benchmark::RegisterBenchmark((std::string("auto_augment/") + operation_name(kind)).c_str(), operation, kind)
        ->Unit(benchmark::kMicrosecond);
  }
  const auto register_training = [](const std::string& name, const AutoAugmentPolicy* policy) {
    benchmark::RegisterBenchmark(("training_with/" + name).c_str(), training, policy)
        ->Unit(benchmark::kMillisecond)
        ->Iterations(1);
  };
  register_training("none", nullptr);
  for (const std::string& name : auto_augment_policy_names()) register_training(name, &auto_augment_policy(name));
  return true;
}();

}  // namespace
}  // namespace assemble
