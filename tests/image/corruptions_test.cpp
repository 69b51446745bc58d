// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/corruptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/random.h"
#include "assemble/core/thread_pool.h"
#include "assemble/image/decode.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr int kSide = 64;

Image noise_image(int height, int width, uint64_t seed = 1) {
  Image image{height, width, std::vector<uint8_t>(size_t{3} * height * width)};
  Random random(seed, RandomPurpose::kDraw);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random() >> 24);
  return image;
}

Image flat_image(int side, std::array<uint8_t, 3> color) {
  Image image{side, side, {}};
  for (int i = 0; i < side * side; ++i) image.pixels.insert(image.pixels.end(), color.begin(), color.end());
  return image;
}

/// Tile (row, column) of the stored reference outputs; tile (0, 0) is the clean picture.
Image golden_tile(int row, int column) {
  static const Image sheet = [] {
    const fs::path path = test::stored_golden("corruptions.png");
    return decode_image(read_file(path), path.string());
  }();
  Image tile{kSide, kSide, {}};
  for (int y = 0; y < kSide; ++y) {
    const uint8_t* from = sheet.row(row * kSide + y) + 3 * column * kSide;
    tile.pixels.insert(tile.pixels.end(), from, from + 3 * kSide);
  }
  return tile;
}

TEST(Corruptions, AreThe19InThePublishedOrder) {
  ASSERT_EQ(corruption_names().size(), 19u);
  EXPECT_EQ(corruption_names().front(), "gaussian_noise");
  EXPECT_EQ(corruption_names()[kOfficialCorruptions - 1], "jpeg_compression");
  EXPECT_EQ(corruption_names().back(), "saturate");
  const std::set<std::string> different(corruption_names().begin(), corruption_names().end());
  EXPECT_EQ(different.size(), 19u);
}

TEST(Corruptions, OfCBarAreTheTenPublishedOnes) {
  EXPECT_THAT(corruption_names(CorruptionSet::kCBar),
              testing::ElementsAre("blue_noise_sample", "brownish_noise", "caustic_refraction", "checkerboard_cutout",
                                   "cocentric_sine_waves", "inverse_sparkles", "perlin_noise", "plasma_noise",
                                   "single_frequency_greyscale", "sparkles"));
  EXPECT_EQ(all_corruption_names().size(), 29u);
}

TEST(Corruptions, UnknownNamesAndSeveritiesAreNamed) {
  const std::string name = test::error_of<UsageError>([] { check_corruption("gausian_noise"); });
  EXPECT_THAT(name, HasSubstr("gausian_noise"));
  EXPECT_THAT(name, HasSubstr("single_frequency_greyscale or sparkles"));
  EXPECT_THAT(name, HasSubstr("did you mean gaussian_noise?"));
  for (const int severity : {0, 6, -1}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { corrupt(noise_image(4, 4), "fog", severity, 0); }),
                HasSubstr("expected 1, 2, 3, 4 or 5"));
  }
  EXPECT_THROW(corrupt(Image{}, "fog", 1, 0), UsageError);
}

TEST(Corruptions, DeterministicOnesEqualTheGenerators) {
  const Image clean = golden_tile(0, 0);
  int row = 0;
  for (const char* name : {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression",
                           "gaussian_blur", "saturate"}) {
    ++row;
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      const Image expected = golden_tile(row, severity - 1), result = corrupt(clean, name, severity, 0);
      int different = 0;
      for (size_t i = 0; i < result.pixels.size(); ++i) different += result.pixels[i] != expected.pixels[i];
      EXPECT_EQ(different, 0) << name << " " << severity;
    }
  }
}

struct Measures {
  double mean = 0;
  double deviation = 0;
  double psnr = 0;
};

Measures measure(const Image& clean, const std::string& name, int severity, int count) {
  Measures result;
  double squares = 0;
  for (int index = 0; index < count; ++index) {
    const Image image = corrupt(clean, name, severity, static_cast<uint64_t>(index));
    double sum = 0, square = 0, error = 0;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      const double value = image.pixels[i], difference = value - clean.pixels[i];
      sum += value;
      square += value * value;
      error += difference * difference;
    }
    const auto n = static_cast<double>(image.pixels.size());
    result.mean += sum / n / count;
    squares += square / n / count;
    result.psnr += 10 * std::log10(255 * 255 / (error / n)) / count;
  }
  result.deviation = std::sqrt(squares - result.mean * result.mean);
  return result;
}

TEST(Corruptions, RandomOnesHaveTheGeneratorsMeanDeviationAndPsnr) {
  const Image clean = golden_tile(0, 0);
  const auto golden = nlohmann::json::parse(test::read_text(test::stored_golden("corruptions.json")));
  ASSERT_EQ(golden.size(), 10u);
  // Sanitizers look at the code, which a few images show as well: means of fewer are less certain.
  const int fewer = test::is_sanitized() ? 9 : 1;
  const double looser = std::sqrt(fewer);
  for (const auto& [name, rows] : golden.items()) {
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      const nlohmann::json& expected = rows.at(static_cast<size_t>(severity - 1));
      const Measures result = measure(clean, name, severity, (name == "fog" ? 3000 : 300) / fewer);
      const auto off = [&](const char* key, double value) { return value / expected.at(key).get<double>() - 1; };
      std::cout << name << " " << severity << ": mean " << off("mean", result.mean) << " deviation "
                << off("deviation", result.deviation) << " PSNR " << off("psnr", result.psnr) << "\n";
      EXPECT_NEAR(off("mean", result.mean), 0, 0.02 * looser) << name << " " << severity;
      EXPECT_NEAR(off("deviation", result.deviation), 0, 0.02 * looser) << name << " " << severity;
      EXPECT_NEAR(off("psnr", result.psnr), 0, 0.03 * looser) << name << " " << severity;
    }
  }
}

TEST(Corruptions, FrostIsAWeightedSum) {
  CorruptOptions options;
  options.frost = std::make_shared<FrostTextures>(FrostTextures{flat_image(40, {100, 150, 250})});
  const Image image = flat_image(16, {50, 50, 200});
  const Image frosted = corrupt(image, "frost", 3, 0, options);  // 0.7 · image + 0.7 · frost, cut off
  EXPECT_THAT(std::vector<int>(frosted.pixels.begin(), frosted.pixels.begin() + 3),
              testing::ElementsAre(testing::AnyOf(104, 105), testing::AnyOf(139, 140), 255));
  // A texture smaller than the image is enlarged.
  const Image large = corrupt(flat_image(100, {50, 50, 200}), "frost", 3, 0, options);
  EXPECT_EQ(large.pixels[0], frosted.pixels[0]);
  EXPECT_EQ(large.pixels.back(), 255);
}

/// Cubic convolution with a = -0.75 at a pixel, borders repeated.
double cubic_at(const Image& image, double y, double x, int channel) {
  const auto weight = [](double distance) {
    constexpr double kA = -0.75;
    const double d = std::abs(distance);
    return d < 1 ? ((kA + 2) * d - (kA + 3)) * d * d + 1 : d < 2 ? ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA : 0;
  };
  double sum = 0;
  for (int j = static_cast<int>(std::floor(y)) - 1, last_row = j + 3; j <= last_row; ++j) {
    for (int i = static_cast<int>(std::floor(x)) - 1, last_column = i + 3; i <= last_column; ++i) {
      const uint8_t* row = image.row(std::clamp(j, 0, image.height - 1));
      sum += weight(y - j) * weight(x - i) * row[3 * std::clamp(i, 0, image.width - 1) + channel];
    }
  }
  return std::clamp(sum, 0.0, 255.0);
}

TEST(Corruptions, FrostIsEnlargedByCubicConvolution) {
  constexpr int kSmall = 40, kLarge = 90;
  CorruptOptions options;
  options.frost = std::make_shared<FrostTextures>(FrostTextures{noise_image(kSmall, kSmall)});
  const Image frosted = corrupt(flat_image(kLarge, {0, 0, 0}), "frost", 5, 0, options);  // 0.75 · frost, cut off
  double most = 0;
  for (int y = 0; y < kLarge; ++y) {
    for (int x = 0; x < kLarge * 3; ++x) {
      const auto at = [](int target) { return (target + 0.5) * kSmall / kLarge - 0.5; };
      const double exact = 0.75 * cubic_at(options.frost->front(), at(y), at(x / 3), x % 3);
      most = std::max(most, std::abs(frosted.row(y)[x] + 0.5 - exact));
    }
  }
  std::cout << "largest difference " << most << " levels\n";
  EXPECT_LT(most, 1.5);
}

TEST(Corruptions, DrawnFrostLooksAsBrightAsThePhotographs) {
  const auto textures = drawn_frost_textures();
  ASSERT_EQ(textures->size(), 5u);
  double sum = 0;
  for (const Image& texture : *textures) {
    ASSERT_GE(std::min(texture.height, texture.width), 512);
    for (const uint8_t value : texture.pixels) sum += value;
  }
  EXPECT_NEAR(sum / 5 / 3 / 512 / 512, 162.7, 2);
  EXPECT_EQ(drawn_frost_textures(), textures);
}

TEST(Corruptions, MissingFrostIsNamed) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of<InputError>([&] { load_frost_textures(folder.path()); }), HasSubstr("frost1.png"));
}

TEST(Corruptions, AreTheSameOnAnyNumberOfThreads) {
  const Image image = noise_image(50, 40);
  const auto count = static_cast<int64_t>(all_corruption_names().size()) * kCorruptionSeverities;
  const auto all = [&](int threads) {
    std::vector<Image> results(static_cast<size_t>(count));
    ThreadPool pool(threads);
    pool.parallel_for(count, [&](int64_t i) {
      results[static_cast<size_t>(i)] =
          corrupt(image, all_corruption_names()[static_cast<size_t>(i / 5)], static_cast<int>(i % 5) + 1, 7);
    });
    return results;
  };
  const std::vector<Image> one = all(1), four = all(4);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].pixels, four[i].pixels) << all_corruption_names()[i / 5];
}

TEST(Corruptions, SeedImageAndSeverityMatter) {
  const Image image = noise_image(32, 32);
  CorruptOptions other;
  other.seed = 1;
  std::vector<std::string> names{"gaussian_noise",   "shot_noise", "impulse_noise", "speckle_noise", "glass_blur",
                                 "motion_blur",      "snow",       "frost",         "fog",           "spatter",
                                 "elastic_transform"};
  for (const std::string& name : corruption_names(CorruptionSet::kCBar)) names.push_back(name);
  for (const std::string& name : names) {
    const Image first = corrupt(image, name, 3, 0);
    EXPECT_EQ(corrupt(image, name, 3, 0).pixels, first.pixels) << name;
    EXPECT_NE(corrupt(image, name, 3, 1).pixels, first.pixels) << name;
    EXPECT_NE(corrupt(image, name, 3, 0, other).pixels, first.pixels) << name;
  }
  for (const std::string& name : all_corruption_names()) {
    EXPECT_NE(corrupt(image, name, 2, 0).pixels, corrupt(image, name, 4, 0).pixels) << name;
  }
}

TEST(Corruptions, WorkAtAnySizeOrSayWhatTheyNeed) {
  for (const auto& [height, width] :
       {std::pair{37, 53}, {53, 37}, {1, 1}, {1, 40}, {40, 1}, {2, 3}, {5, 5}, {300, 17}}) {
    const Image image = noise_image(height, width);
    for (const std::string& name : all_corruption_names()) {
      for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
        const int smallest = smallest_corruptible(name, severity);
        if (std::min(height, width) >= smallest) {
          const Image result = corrupt(image, name, severity, 0);
          EXPECT_EQ(result.height, height);
          EXPECT_EQ(result.width, width);
          EXPECT_EQ(result.pixels.size(), image.pixels.size());
        } else {
          EXPECT_THAT(test::error_of<InputError>([&] { corrupt(image, name, severity, 0); }),
                      HasSubstr("needs sides of at least " + std::to_string(smallest)));
        }
      }
    }
  }
  EXPECT_EQ(smallest_corruptible("pixelate", 1), 2);
  EXPECT_EQ(smallest_corruptible("pixelate", 5), 4);
  EXPECT_EQ(smallest_corruptible("elastic_transform", 1), 3);
  EXPECT_EQ(smallest_corruptible("glass_blur", 5), 1);
  EXPECT_EQ(smallest_corruptible("brownish_noise", 1), 2);
}

TEST(Corruptions, FlatImagesStayFlatUnderBlur) {
  const Image image = flat_image(30, {0, 100, 255});
  for (const char* name : {"motion_blur", "glass_blur", "gaussian_blur", "elastic_transform", "pixelate"}) {
    const Image result = corrupt(image, name, 3, 0);
    for (size_t i = 0; i < result.pixels.size(); ++i) {
      ASSERT_NEAR(result.pixels[i], image.pixels[i], 2) << name;
    }
  }
}

TEST(Corruptions, ImpulsesAreBlackOrWhiteInEqualShares) {
  const Image image = flat_image(200, {128, 128, 128});
  const Image result = corrupt(image, "impulse_noise", 4, 0);
  const auto share = [&](uint8_t value) {
    return static_cast<double>(std::count(result.pixels.begin(), result.pixels.end(), value)) / 120000;
  };
  EXPECT_NEAR(share(0), 0.085, 0.004);
  EXPECT_NEAR(share(255), 0.085, 0.004);
  EXPECT_DOUBLE_EQ(share(0) + share(128) + share(255), 1);
}

TEST(Corruptions, ShotNoiseFollowsPoisson) {
  const Image image = flat_image(200, {51, 51, 51});  // 0.6 photons of 3
  const Image result = corrupt(image, "shot_noise", 5, 0);
  const auto share = [&](int value) {
    return static_cast<double>(std::count(result.pixels.begin(), result.pixels.end(), value)) / 120000;
  };
  EXPECT_NEAR(share(0), std::exp(-0.6), 0.006);
  EXPECT_NEAR(share(85), 0.6 * std::exp(-0.6), 0.006);
  EXPECT_NEAR(share(170), 0.18 * std::exp(-0.6), 0.004);
}

}  // namespace
}  // namespace assemble
