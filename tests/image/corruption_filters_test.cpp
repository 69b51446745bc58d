// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/corruptions/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/random.h"
#include "simd_targets.h"

namespace assemble::corruptions {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

std::vector<int> indices(Border border, int length) {
  std::vector<int> result;
  for (int i = -4; i < length + 4; ++i) result.push_back(border_index(i, length, border));
  return result;
}

TEST(CorruptionFilters, BordersAreScipys) {
  EXPECT_THAT(indices(Border::kNearest, 3), ElementsAre(0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2));
  EXPECT_THAT(indices(Border::kReflect, 3), ElementsAre(2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0));
  EXPECT_THAT(indices(Border::kReflect101, 3), ElementsAre(0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2));
  for (const Border border : {Border::kNearest, Border::kReflect, Border::kReflect101}) {
    EXPECT_THAT(indices(border, 1), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0));
  }
}

TEST(CorruptionFilters, WeightedRowsAddUpAtAnyLength) {
  test::for_each_simd_target([](const std::string& target) {
    for (const size_t count : {1u, 31u, 32u, 33u, 100u}) {
      std::vector<double> a(count), b(count), out(count);
      for (size_t i = 0; i < count; ++i) a[i] = static_cast<double>(i), b[i] = static_cast<double>(3 * i + 1);
      const std::vector<const double*> rows{a.data(), b.data()};
      weighted_rows(rows, std::vector<double>{2, -1}, count, out.data());
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(out[i], -static_cast<double>(i) - 1) << i << target;
    }
  });
}

// As scipy.ndimage.correlate1d adds up, on every processor: another order gives other last bits.
TEST(CorruptionFilters, MirroredRowsAddUpInScipysOrder) {
  const std::vector<double> weights{0.1, 0.2, 0.4, 0.2, 0.1};
  test::for_each_simd_target([&](const std::string& target) {
    for (const size_t count : {1u, 15u, 16u, 17u, 100u}) {
      std::vector<float> uniform(count * weights.size());
      Random(2, RandomPurpose::kDraw).fill_uniform(uniform);
      const std::vector<double> values(uniform.begin(), uniform.end());
      std::vector<const double*> rows;
      for (size_t k = 0; k < weights.size(); ++k) rows.push_back(values.data() + k * count);
      std::vector<double> out(count);
      mirrored_rows(rows, weights, count, out.data());
      for (size_t i = 0; i < count; ++i) {
        double expected = rows[2][i] * 0.4;
        expected += (rows[0][i] + rows[4][i]) * 0.1;
        expected += (rows[1][i] + rows[3][i]) * 0.2;
        ASSERT_EQ(out[i], expected) << i << target;
      }
    }
  });
}

/// Slow and obvious.
std::vector<double> filtered(const std::vector<double>& field, const FieldSize& size, double sigma, double truncate,
                             Border border) {
  const int radius = static_cast<int>(truncate * sigma + 0.5);
  std::vector<double> result(field.size());
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int c = 0; c < size.channels; ++c) {
        double sum = 0, weights = 0;
        for (int j = -radius; j <= radius; ++j) {
          for (int i = -radius; i <= radius; ++i) {
            const double weight = std::exp(-0.5 * (i * i + j * j) / (sigma * sigma));
            weights += weight;
            sum += weight * field[(static_cast<size_t>(border_index(y + j, size.height, border)) * size.width +
                                   border_index(x + i, size.width, border)) *
                                      size.channels +
                                  c];
          }
        }
        result[(static_cast<size_t>(y) * size.width + x) * size.channels + c] = sum / weights;
      }
    }
  }
  return result;
}

TEST(CorruptionFilters, GaussianEqualsTheSlowOne) {
  Random random(1, RandomPurpose::kDraw);
  for (const FieldSize& size : {FieldSize{9, 14, 3}, FieldSize{13, 5, 1}, FieldSize{1, 1, 1}}) {
    for (const Border border : {Border::kNearest, Border::kReflect}) {
      for (const double sigma : {0.7, 2.0, 6.0}) {  // the last one reaches beyond the mirrored field
        std::vector<double> field = normal_field(size, 0, 1, random);
        const std::vector<double> expected = filtered(field, size, sigma, 4, border);
        gaussian_filter(field, size, sigma, 4, border);
        for (size_t i = 0; i < field.size(); ++i) ASSERT_NEAR(field[i], expected[i], 1e-12) << sigma;
      }
    }
  }
}

// A white pixel is smeared against the direction of motion, by the half Gaussian's weights.
TEST(CorruptionFilters, MotionBlurIsHalfAGaussianOnALine) {
  const FieldSize size{5, 9, 1};
  std::vector<uint8_t> pixels(size.count(), 0), out(size.count());
  pixels[2 * 9 + 6] = 250;
  motion_blur_levels(pixels.data(), size, 1, 1.0, 0, out.data());
  const double total = 1 + std::exp(-0.5) + std::exp(-2.0);
  for (int x = 0; x < 9; ++x) {
    const int back = 6 - x;
    const double expected = back >= 0 && back < 3 ? 250 * std::exp(-0.5 * back * back) / total : 0;
    EXPECT_EQ(out[static_cast<size_t>(2 * 9 + x)], static_cast<int>(expected + 0.002)) << x;
    EXPECT_EQ(out[static_cast<size_t>(9 + x)], 0);
  }
}

// ImageMagick's MagickMotionBlurImage of two rows whose sums are within 1e-5 of a whole level.
TEST(CorruptionFilters, MotionBlurCutsOffWhereImageMagickDoes) {
  const std::vector<std::array<uint8_t, 5>> rows{{229, 102, 116, 116, 116}, {139, 59, 150, 150, 150}};
  const std::array<int, 2> expected{176, 112};
  for (size_t i = 0; i < rows.size(); ++i) {
    std::array<uint8_t, 5> out{};
    motion_blur_levels(rows[i].data(), {1, 5, 1}, 1, 1.0, 0, out.data());
    EXPECT_EQ(out[0], expected[i]);
  }
}

// scipy.ndimage.zoom(np.arange(6.), 1.5, order=1) of the four in the middle, trimmed to six.
TEST(CorruptionFilters, ClippedZoomIsScipys) {
  const std::vector<float> field{0, 10, 20, 30, 40, 50};
  std::vector<float> sum(6, 1.f);
  add_clipped_zoom(field, {1, 6, 1}, 1.5, sum);
  EXPECT_THAT(sum, ElementsAre(FloatNear(11, 1e-4), FloatNear(17, 1e-4), FloatNear(23, 1e-4), FloatNear(29, 1e-4),
                               FloatNear(35, 1e-4), FloatNear(41, 1e-4)));
}

}  // namespace
}  // namespace assemble::corruptions
