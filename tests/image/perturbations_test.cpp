// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/perturbations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr int kSide = 64, kCrop = 48;

/// Smooth colours with an edge.
Image sample_image(int height = kSide, int width = kSide) {
  Image image{height, width, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixels.push_back(static_cast<uint8_t>(60 + (x > width / 2 ? 80 : 0) + y + 20 * c));
      }
    }
  }
  return image;
}

Image gray_image(uint8_t level) { return {kSide, kSide, std::vector<uint8_t>(size_t{3} * kSide * kSide, level)}; }

std::vector<Image> make(const Image& image, const std::string& kind, uint64_t index = 0, uint64_t seed = 0) {
  return perturb(image, kind, index, {seed, kCrop});
}

double deviation(const Image& a, const Image& b) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = static_cast<double>(a.pixels[i]) - b.pixels[i];
    sum += difference;
    squares += difference * difference;
  }
  const double n = static_cast<double>(a.pixels.size());
  return std::sqrt(squares / n - sum * sum / n / n);
}

class EveryKind : public testing::TestWithParam<std::string> {};

TEST_P(EveryKind, HasItsFramesAndIsAPureFunction) {
  const std::string kind = GetParam();
  const Image image = sample_image(kSide, kSide + 10);
  const std::vector<Image> frames = make(image, kind, 3);
  ASSERT_EQ(frames.size(), kind == "translate" ? 41u : 31u);
  EXPECT_EQ(static_cast<int>(frames.size()), perturbation_frames(kind));
  for (const Image& frame : frames) {
    ASSERT_EQ(frame.height, kCrop);
    ASSERT_EQ(frame.width, kCrop);
    ASSERT_EQ(frame.pixels.size(), size_t{3} * kCrop * kCrop);
  }
  EXPECT_NE(frames.front().pixels, frames.back().pixels);
  const std::vector<Image> again = make(image, kind, 3);
  for (size_t i = 0; i < frames.size(); ++i) ASSERT_EQ(frames[i].pixels, again[i].pixels) << i;
}

INSTANTIATE_TEST_SUITE_P(Perturbations, EveryKind, testing::ValuesIn(perturbation_names()),
                         [](const auto& info) { return info.param; });

TEST(Perturbations, TenAreOfficial) {
  const auto& names = perturbation_names();
  EXPECT_THAT(std::vector<std::string>(names.begin(), names.begin() + kOfficialPerturbations),
              testing::ElementsAre("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow", "brightness",
                                   "translate", "rotate", "tilt", "scale"));
  EXPECT_EQ(names.size(), 20u);
  EXPECT_TRUE(compares_to_first_frame("speckle_noise_3"));
  EXPECT_FALSE(compares_to_first_frame("snow"));
}

TEST(Perturbations, RandomKindsDependOnSeedAndImage) {
  const Image image = sample_image();
  for (const std::string kind : {"gaussian_noise", "shot_noise", "speckle_noise", "snow", "spatter"}) {
    EXPECT_NE(make(image, kind, 0, 0)[5].pixels, make(image, kind, 1, 0)[5].pixels) << kind;
    EXPECT_NE(make(image, kind, 0, 0)[5].pixels, make(image, kind, 0, 1)[5].pixels) << kind;
  }
}

TEST(Perturbations, NoiseStartsCleanAndHasThePublishedStrength) {
  const Image image = gray_image(120);
  const double value = 120 / 255.0;
  const std::vector<std::pair<std::string, double>> expected{{"gaussian_noise", 0.03 * 255},
                                                             {"gaussian_noise_2", 0.05 * 255},
                                                             {"gaussian_noise_3", 0.08 * 255},
                                                             {"speckle_noise", 0.05 * 120},
                                                             {"speckle_noise_2", 0.10 * 120},
                                                             {"speckle_noise_3", 0.15 * 120},
                                                             {"shot_noise", 255 * std::sqrt(value / 300)},
                                                             {"shot_noise_2", 255 * std::sqrt(value / 120)},
                                                             {"shot_noise_3", 255 * std::sqrt(value / 60)}};
  for (const auto& [kind, level] : expected) {
    const std::vector<Image> frames = make(image, kind);
    EXPECT_EQ(frames[0].pixels, std::vector<uint8_t>(size_t{3} * kCrop * kCrop, 120)) << kind;
    EXPECT_NEAR(deviation(frames[7], frames[0]) / level, 1, 0.05) << kind;
    EXPECT_NE(frames[7].pixels, frames[8].pixels) << kind;
  }
}

TEST(Perturbations, TranslateMovesAPixelAFrame) {
  const Image image = sample_image(kSide, 120);
  const std::vector<Image> frames = make(image, "translate");
  const int left = (120 - kCrop) / 2, top = (kSide - kCrop) / 2;
  for (const int frame : {0, 20, 33, 40}) {
    for (int x = 0; x < kCrop; ++x) {
      ASSERT_EQ(frames[static_cast<size_t>(frame)].row(5)[3 * x], image.row(top + 5)[3 * (left + x - (frame - 20))])
          << frame << " " << x;
    }
  }
}

TEST(Perturbations, TranslateIsBlackBeyondTheBorder) {
  const std::vector<Image> frames = perturb(gray_image(200), "translate", 0, {0, kSide});
  EXPECT_EQ(frames[0].row(3)[3 * (kSide - 20)], 0);
  EXPECT_EQ(frames[0].row(3)[3 * (kSide - 21)], 200);
  EXPECT_EQ(frames[40].row(3)[3 * 19], 0);
  EXPECT_EQ(frames[40].row(3)[3 * 20], 200);
}

TEST(Perturbations, TheMiddleFrameOfRotationTiltShearAndBrightnessIsTheImage) {
  const Image image = sample_image();
  const Image clean = make(image, "gaussian_noise")[0];
  for (const std::string kind : {"rotate", "tilt", "shear"}) {
    EXPECT_EQ(make(image, kind)[15].pixels, clean.pixels) << kind;
  }
  const Image middle = make(image, "brightness")[15];
  for (size_t i = 0; i < clean.pixels.size(); ++i) ASSERT_NEAR(middle.pixels[i], clean.pixels[i], 1);
  EXPECT_EQ(make(image, "scale")[24].pixels, clean.pixels);  // 24 · 2.5 + 40 = 100 %
}

TEST(Perturbations, BrightnessRaisesTheValue) {
  const std::vector<Image> frames = make(gray_image(100), "brightness");
  EXPECT_EQ(frames[0].pixels[0], 23);    // 100 - 0.3 · 255 = 23.5
  EXPECT_EQ(frames[30].pixels[0], 176);  // 100 + 0.3 · 255 = 176.5
}

/// The first pixel of each frame.
std::vector<std::array<int, 3>> first_pixels(const std::vector<Image>& frames) {
  std::vector<std::array<int, 3>> result;
  for (const Image& frame : frames) result.push_back({frame.pixels[0], frame.pixels[1], frame.pixels[2]});
  return result;
}

// Of make_imagenet_p.py: many levels are whole but for the rounding of scikit-image's HSV.
TEST(Perturbations, BrightnessEqualsTheGenerators) {
  Image image = gray_image(0);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = 6, image.pixels[i + 1] = 80, image.pixels[i + 2] = 136;
  }
  const std::vector<std::array<int, 3>> expected{
      {2, 34, 59},   {2, 37, 64},   {3, 40, 69},   {3, 43, 74},   {3, 46, 79},   {3, 49, 85},   {3, 52, 90},
      {4, 55, 95},   {4, 58, 100},  {4, 61, 105},  {4, 64, 110},  {5, 67, 115},  {5, 70, 120},  {5, 73, 125},
      {5, 76, 130},  {6, 79, 136},  {6, 82, 141},  {6, 85, 146},  {6, 88, 151},  {6, 91, 156},  {7, 94, 161},
      {7, 97, 166},  {7, 100, 171}, {7, 103, 176}, {8, 106, 181}, {8, 109, 187}, {8, 112, 192}, {8, 115, 197},
      {8, 118, 202}, {9, 121, 207}, {9, 124, 212}};
  EXPECT_EQ(first_pixels(make(image, "brightness")), expected);
}

// Of make_imagenet_p.py: the mean of equal levels, in PyTorch's floats, is now whole and now below.
TEST(Perturbations, ZoomBlurOfAFlatImageEqualsTheGenerators) {
  const std::vector<int> expected{233, 233, 233, 233, 233, 232, 232, 232, 232, 233, 233, 233, 233, 233, 233, 233,
                                  233, 233, 233, 233, 233, 233, 233, 232, 232, 232, 232, 232, 232, 232, 232};
  std::vector<int> levels;
  for (const auto& pixel : first_pixels(make(gray_image(233), "zoom_blur"))) levels.push_back(pixel[0]);
  EXPECT_EQ(levels, expected);
}

// Of make_imagenet_p.py with OpenCV 4, whose warpPerspective takes one of 32 steps between pixels.
// OpenCV 5 interpolates otherwise.
TEST(Perturbations, TiltEqualsTheGenerators) {
  const std::vector<Image> frames = perturb(sample_image(8, 8), "tilt", 0, {0, 8});
  const auto reds = [&](size_t frame) {
    std::vector<int> result;
    for (int x = 0; x < 8; ++x) result.push_back(frames[frame].row(3)[3 * x]);
    return result;
  };
  EXPECT_THAT(reds(0), testing::ElementsAre(0, 60, 62, 62, 63, 133, 143, 143));
  EXPECT_THAT(reds(7), testing::ElementsAre(10, 63, 63, 63, 63, 140, 143, 129));
  EXPECT_THAT(reds(30), testing::ElementsAre(63, 63, 63, 63, 86, 143, 143, 22));
}

TEST(Perturbations, ScaleLeavesBlackAroundASmallImage) {
  const std::vector<Image> frames = perturb(gray_image(200), "scale", 0, {0, kSide});
  EXPECT_EQ(frames[0].row(2)[0], 0);  // at 40 % the image ends 19 pixels from the border
  EXPECT_EQ(frames[0].row(kSide / 2)[3 * kSide / 2], 200);
  EXPECT_EQ(frames[30].row(2)[0], 200);
}

TEST(Perturbations, BlursKeepAFlatImage) {
  for (const std::string kind : {"motion_blur", "gaussian_blur", "zoom_blur"}) {
    const Image frame = make(gray_image(131), kind)[20];
    for (const uint8_t pixel : frame.pixels) ASSERT_NEAR(pixel, 131, 1) << kind;
  }
}

TEST(Perturbations, AreTheSameFromManyThreadsAtOnce) {
  const Image image = sample_image(4, 4);
  const auto tilt = [&] { return perturb(image, "tilt", 0, {0, 4}); };
  const std::vector<Image> expected = tilt();
  std::atomic<int> different = 0;
  ThreadPool(8).parallel_for(20000, [&](int64_t) {
    const std::vector<Image> frames = tilt();
    for (size_t i = 0; i < frames.size(); ++i) different += frames[i].pixels != expected[i].pixels;
  });
  EXPECT_EQ(different, 0);
}

TEST(Perturbations, NamesWhatIsWrong) {
  const std::string unknown = test::error_of<UsageError>([] { make(sample_image(), "rotat"); });
  EXPECT_THAT(unknown, HasSubstr("'rotat' is unknown"));
  EXPECT_THAT(unknown, HasSubstr("gaussian_noise, shot_noise"));
  EXPECT_THAT(unknown, HasSubstr("did you mean rotate?"));
  EXPECT_THAT(test::error_of<InputError>([] {
                perturb(sample_image(), "snow", 0, {0, 65});
              }),
              HasSubstr("smaller than the crop of 65"));
  EXPECT_THAT(test::error_of<UsageError>([] { perturb(sample_image(), "snow", 0, {0, 0}); }), HasSubstr("crop"));
}

}  // namespace
}  // namespace assemble
