// SPDX-License-Identifier: Apache-2.0
#include "panel_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "panel_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// kRows rows and two vectors of columns at a time: their sums stay in registers.
template <int64_t kRows>
HWY_ATTR void multiply_rows(const float* rows, int64_t width, const float* panel, float* products, int64_t stride) {
  const hn::CappedTag<float, kPanel / 2> tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  for (int64_t column = 0; column < kPanel; column += 2 * lanes) {
    hn::Vec<decltype(tag)> left[kRows], right[kRows];
    for (int64_t r = 0; r < kRows; ++r) left[r] = right[r] = hn::Zero(tag);
    for (int64_t k = 0; k < width; ++k) {
      const auto first = hn::LoadU(tag, panel + k * kPanel + column);
      const auto second = hn::LoadU(tag, panel + k * kPanel + column + lanes);
      for (int64_t r = 0; r < kRows; ++r) {
        const auto value = hn::Set(tag, rows[r * width + k]);
        left[r] = hn::MulAdd(value, first, left[r]);
        right[r] = hn::MulAdd(value, second, right[r]);
      }
    }
    for (int64_t r = 0; r < kRows; ++r) {
      hn::StoreU(left[r], tag, products + r * stride + column);
      hn::StoreU(right[r], tag, products + r * stride + column + lanes);
    }
  }
}

HWY_ATTR void multiply(const float* rows, int64_t count, int64_t width, const float* panel, float* products,
                       int64_t stride) {
  int64_t r = 0;
  for (; r + 4 <= count; r += 4) multiply_rows<4>(rows + r * width, width, panel, products + r * stride, stride);
  for (; r < count; ++r) multiply_rows<1>(rows + r * width, width, panel, products + r * stride, stride);
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
