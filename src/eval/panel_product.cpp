// SPDX-License-Identifier: Apache-2.0
#include "panel_product.h"

#include <algorithm>
#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "panel_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kRows = 4;

template <typename Tag, typename Vector>
HWY_ATTR void add_products(Tag tag, float factor, Vector first, Vector second, Vector& left, Vector& right) {
  left = hn::MulAdd(hn::Set(tag, factor), first, left);
  right = hn::MulAdd(hn::Set(tag, factor), second, right);
}

/// Four rows and two vectors of columns at a time: their sums stay in registers. Each sum has a name, as vectors whose
/// length only the processor knows (SVE) cannot be elements of an array.
HWY_ATTR void multiply_rows(const std::array<const float*, kRows>& rows, int64_t width, const float* panel,
                            const std::array<float*, kRows>& products) {
  const hn::CappedTag<float, kPanel / 2> tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  for (int64_t column = 0; column < kPanel; column += 2 * lanes) {
    auto left0 = hn::Zero(tag), left1 = left0, left2 = left0, left3 = left0;
    auto right0 = left0, right1 = left0, right2 = left0, right3 = left0;
    for (int64_t k = 0; k < width; ++k) {
      const auto first = hn::LoadU(tag, panel + k * kPanel + column);
      const auto second = hn::LoadU(tag, panel + k * kPanel + column + lanes);
      add_products(tag, rows[0][k], first, second, left0, right0);
      add_products(tag, rows[1][k], first, second, left1, right1);
      add_products(tag, rows[2][k], first, second, left2, right2);
      add_products(tag, rows[3][k], first, second, left3, right3);
    }
    hn::StoreU(left0, tag, products[0] + column);
    hn::StoreU(left1, tag, products[1] + column);
    hn::StoreU(left2, tag, products[2] + column);
    hn::StoreU(left3, tag, products[3] + column);
    hn::StoreU(right0, tag, products[0] + column + lanes);
    hn::StoreU(right1, tag, products[1] + column + lanes);
    hn::StoreU(right2, tag, products[2] + column + lanes);
    hn::StoreU(right3, tag, products[3] + column + lanes);
  }
}

HWY_ATTR void multiply(const float* rows, int64_t count, int64_t width, const float* panel, float* products,
                       int64_t stride) {
  for (int64_t begin = 0; begin < count; begin += kRows) {
    std::array<const float*, kRows> four;
    std::array<float*, kRows> products_of_four;
    for (int64_t i = 0; i < kRows; ++i) {
      const int64_t row = std::min(begin + i, count - 1);  // the last one fills up
      four[static_cast<size_t>(i)] = rows + row * width;
      products_of_four[static_cast<size_t>(i)] = products + row * stride;
    }
    multiply_rows(four, width, panel, products_of_four);
  }
}

}  // namespace assemble::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble {

HWY_EXPORT(multiply);

void multiply_panel(const float* rows, int64_t count, int64_t width, const float* panel, float* products,
                    int64_t stride) {
  HWY_DYNAMIC_DISPATCH(multiply)(rows, count, width, panel, products, stride);
}

}  // namespace assemble
#endif
