// SPDX-License-Identifier: Apache-2.0
#include "../../src/eval/panel_product.h"

#include <gtest/gtest.h>

#include <vector>

#include "assemble/core/random.h"
#include "simd_targets.h"

namespace assemble {
namespace {

constexpr float kUntouched = -1e9F;

/// Small whole numbers, whose products and sums f32 holds: any order of adding them up gives the same.
std::vector<float> whole_numbers(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  Random random(seed, RandomPurpose::kDraw);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random.integer(19)) - 9);
  return values;
}

std::vector<float> slow_product(const std::vector<float>& rows, int64_t count, int64_t width,
                                const std::vector<float>& panel, int64_t stride) {
  std::vector<float> products(static_cast<size_t>(count * stride), kUntouched);
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t c = 0; c < kPanel; ++c) {
      float sum = 0;
      for (int64_t k = 0; k < width; ++k) {
        sum += rows[static_cast<size_t>(r * width + k)] * panel[static_cast<size_t>(k * kPanel + c)];
      }
      products[static_cast<size_t>(r * stride + c)] = sum;
    }
  }
  return products;
}

TEST(PanelProduct, EqualsTheObviousWayOnEveryProcessor) {
  constexpr int64_t kStride = kPanel + 3;
  test::for_each_simd_target([&](const std::string& target) {
    for (const int64_t width : {1, 7, 64}) {
      const std::vector<float> panel = whole_numbers(width * kPanel, 1);
      for (int64_t count = 0; count <= 9; ++count) {
        const std::vector<float> rows = whole_numbers(count * width, 2);
        std::vector<float> products(static_cast<size_t>(count * kStride), kUntouched);
        multiply_panel(rows.data(), count, width, panel.data(), products.data(), kStride);
        EXPECT_EQ(products, slow_product(rows, count, width, panel, kStride))
            << count << " rows of " << width << ", " << target;
      }
    }
  });
}

}  // namespace
}  // namespace assemble
