// SPDX-License-Identifier: Apache-2.0
// Whatever is made of photos follows their EXIF orientation when it is asked to, and no other way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/data/builders/raw_record.h"
#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/corrupted_dataset.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/perturb_set.h"
#include "assemble/image/decode.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::HasSubstr;

class ExifRuleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    make_directories(folder_ / "cat");
    write_file(folder_ / "cat/photo.jpg", photo_);
  }

  Image decoded(bool turned) const { return decode_image(photo_, "photo", {.apply_exif_orientation = turned}); }

  test::TemporaryFolder folder_;
  const Bytes photo_ = test::make_jpeg(test::wavy_image(80, 120), {.exif_orientation = 6});
};

TEST_F(ExifRuleTest, CorruptedImagesFollowIt) {
  Sample sample;
  sample.encoded = photo_;
  CorruptSetOptions options;
  options.resize = options.crop = 0;
  EXPECT_EQ(corruptible(sample, options).pixels, decoded(false).pixels);
  options.exif = ExifRule::kTurn;
  EXPECT_EQ(corruptible(sample, options).pixels, decoded(true).pixels);
  EXPECT_EQ(corruptible(sample, options).height, 120);
}

TEST_F(ExifRuleTest, ACorruptedSetDoesNotMixBoth) {
  const ImageFolder data(folder_.path());
  const test::TemporaryFolder out;
  CorruptSetOptions options;
  options.corruptions = {"brightness"};
  options.severities = {1};
  options.resize = 40;
  options.crop = 32;
  corrupt_dataset(data, out / "a", options);
  options.exif = ExifRule::kTurn;
  EXPECT_THAT(error_of<UsageError>([&] { corrupt_dataset(data, out / "a", options); }), HasSubstr("exif"));
  corrupt_dataset(data, out / "b", options);
  options.exif = ExifRule::kIgnore;
  EXPECT_THAT(error_of<UsageError>([&] { corrupt_dataset(data, out / "b", options); }), HasSubstr("exif"));
  EXPECT_NO_THROW(corrupt_dataset(data, out / "a", options));
}

TEST_F(ExifRuleTest, SequencesFollowIt) {
  const ImageFolder data(folder_.path());
  PerturbSetOptions options{.resize = 48, .crop = 40};
  const auto as_stored = make_sequences(data, "brightness", options)->read(0);
  options.exif = ExifRule::kTurn;
  const auto turned = make_sequences(data, "brightness", options)->read(0);
  ASSERT_EQ(as_stored.size(), turned.size());
  EXPECT_NE(as_stored[0].pixels, turned[0].pixels);
}

TEST_F(ExifRuleTest, RecordsHoldTurnedPixelsWithoutATag) {
  const auto encoded = [&](const BuildOptions& options, const RawImage& raw) {
    const Example example = parse_example(make_record(raw, "cat", options), "record");
    const std::string text = std::get<std::vector<std::string>>(example.at("image/encoded")).at(0);
    return Bytes(text.begin(), text.end());
  };
  const RawImage raw{.path = folder_ / "cat/photo.jpg"};
  EXPECT_EQ(encoded({}, raw), photo_);
  const BuildOptions turn{.exif = ExifRule::kTurn};
  const Bytes turned = encoded(turn, raw);
  EXPECT_EQ(exif_orientation(turned), 1);
  const Image image = decode_image(turned, "turned"), expected = decoded(true);
  ASSERT_EQ(image.height, expected.height);
  double sum = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) sum += std::abs(image.pixels[i] - expected.pixels[i]);
  const double mean = sum / static_cast<double>(image.pixels.size());
  std::cout << "mean difference " << mean << "\n";
  EXPECT_LT(mean, 12);  // colour is stored at half the size, and this image is noise
  EXPECT_EQ(encoded(turn, {.path = raw.path, .boxes = {BoundingBox{}}}), photo_);
}

}  // namespace
}  // namespace assemble
