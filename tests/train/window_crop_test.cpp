// SPDX-License-Identifier: Apache-2.0
// Training images that are resized where the network computes are those of the loader, bit for bit.
#include "assemble/train/window_crop.h"

#include <gmock/gmock.h>

#include "../data/memory_dataset.h"
#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using ::testing::HasSubstr;

torch::Tensor crops_of(Batch& batch, const Preprocessing& preprocessing) {
  return crop_windows(
      torch::from_blob(batch.window_pixels.data(), {static_cast<int64_t>(batch.window_pixels.size())}, torch::kByte),
      torch::from_blob(batch.windows.data(), {batch.size, 4}, torch::kLong), batch.side, preprocessing);
}

torch::Tensor images_in(Batch& batch) {
  return torch::from_blob(batch.images.data(), {batch.size, batch.side, batch.side, 3}).permute({0, 3, 1, 2});
}

TEST(WindowCrop, GivesTheBitsOfTheLoader) {
  const test::MemoryDataset data(23, {4, 9});
  for (const int side : {16, 33, 96}) {  // smaller and larger than the windows
    LoaderOptions options = test::options_for(true);
    options.augmentation.box = {};
    options.preprocessing = Preprocessing::from_type(concat("imagenet_", side));
    if (side == 33) options.preprocessing.deviation = {58.4f, 57.1f, 57.4f};
    LoaderOptions cut = options;
    cut.windows = true;
    std::vector<Batch> made = test::load(data, options, 3), windows = test::load(data, cut, 3);
    ASSERT_EQ(made.size(), windows.size());
    int mirrored = 0;
    for (size_t b = 0; b < made.size(); ++b) {
      EXPECT_EQ(windows[b].indices, made[b].indices);
      EXPECT_TRUE(windows[b].images.empty());
      const torch::Tensor crops = crops_of(windows[b], options.preprocessing);
      EXPECT_TRUE(crops.is_contiguous(torch::MemoryFormat::ChannelsLast));
      EXPECT_TRUE(torch::equal(crops, images_in(made[b]))) << side << ", batch " << b;
      for (size_t i = 3; i < windows[b].windows.size(); i += 4) mirrored += static_cast<int>(windows[b].windows[i]);
    }
    EXPECT_GT(mirrored, 0);
    EXPECT_LT(mirrored, 20);
  }
}

TEST(WindowCrop, WindowsDoNotDependOnThreadsAndAnEpochCanBeEntered) {
  const test::MemoryDataset data(23);
  LoaderOptions one = test::options_for(true, 1), five = test::options_for(true, 5);
  one.windows = five.windows = true;
  const std::vector<Batch> whole = test::load(data, one, 1), rest = test::load(data, five, 1, 2);
  ASSERT_EQ(rest.size() + 2, whole.size());
  for (size_t b = 0; b < rest.size(); ++b) {
    EXPECT_EQ(rest[b].windows, whole[b + 2].windows);
    EXPECT_EQ(rest[b].window_pixels, whole[b + 2].window_pixels);
  }
}

TEST(WindowCrop, MoreThanAPlainResizeIsRefused) {
  const test::MemoryDataset data(8);
  const auto refused = [&](const std::function<void(LoaderOptions&)>& change) {
    LoaderOptions options = test::options_for(true);
    options.windows = true;
    change(options);
    EXPECT_THAT(test::error_of<UsageError>([&] { Loader(data, options); }), HasSubstr("plain bilinear resize"));
  };
  refused([](LoaderOptions& options) { options.preprocessing.antialias = true; });
  refused([](LoaderOptions& options) { options.augmentation.color_jitter = 0.1; });
  refused([](LoaderOptions& options) { options.augmentation.erasing.probability = 0.5; });
  refused([](LoaderOptions& options) { options.augmentation.set_operations("rand"); });
  refused([](LoaderOptions& options) { options.preprocessing.family = PreprocessingFamily::kReid; });
  refused([](LoaderOptions& options) { options.training = false; });
}

TEST_F(TrainerTest, CropsOfTheDeviceTrainTheSameNetwork) {
  TrainOptions all = options();
  all.preprocessing.train_size = 64;
  all.small_size = 32;
  train(all, "loader");
  all.crop_on_device = true;
  train(all, "device");
  EXPECT_EQ(model_bytes("loader"), model_bytes("device"));
  all.log_images = 2;
  EXPECT_THAT(test::error_of<UsageError>([&] { all.check(); }), HasSubstr("`log_images`"));
  all.log_images = 0;
  all.augmentation.color_jitter = 0.1;
  EXPECT_THAT(test::error_of<UsageError>([&] { all.check(); }), HasSubstr("`crop_on_device`"));
}

}  // namespace
}  // namespace assemble
