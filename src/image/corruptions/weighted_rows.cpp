// SPDX-License-Identifier: Apache-2.0
#include "corruptions/filters.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "corruptions/weighted_rows.cpp"
// The first of them compiles this file once for each kind of processor.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble::corruptions {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Every processor gives the same bits: sums go from the first row to the last, and no MulAdd, which rounds otherwise.
void add_rows(std::span<const float* const> rows, std::span<const float> weights, size_t count,
              float* HWY_RESTRICT out) {
  // Rows begin anywhere: every load of a longer vector would cross a cache line.
  const hn::CappedTag<float, 8> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    auto a = hn::Zero(d), b = a, c = a, e = a;
    for (size_t k = 0; k < rows.size(); ++k) {
      const float* row = rows[k] + i;
      const auto weight = hn::Set(d, weights[k]);
      a = hn::Add(a, hn::Mul(weight, hn::LoadU(d, row)));
      b = hn::Add(b, hn::Mul(weight, hn::LoadU(d, row + lanes)));
      c = hn::Add(c, hn::Mul(weight, hn::LoadU(d, row + 2 * lanes)));
      e = hn::Add(e, hn::Mul(weight, hn::LoadU(d, row + 3 * lanes)));
    }
    hn::StoreU(a, d, out + i);
    hn::StoreU(b, d, out + i + lanes);
    hn::StoreU(c, d, out + i + 2 * lanes);
    hn::StoreU(e, d, out + i + 3 * lanes);
  }
  for (; i + lanes <= count; i += lanes) {
    auto sum = hn::Zero(d);
    for (size_t k = 0; k < rows.size(); ++k) {
      sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), hn::LoadU(d, rows[k] + i)));
    }
    hn::StoreU(sum, d, out + i);
  }
  for (; i < count; ++i) {
    float sum = 0;
    for (size_t k = 0; k < rows.size(); ++k) sum += weights[k] * rows[k][i];
    out[i] = sum;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assemble::corruptions
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble::corruptions {

HWY_EXPORT(add_rows);

void weighted_rows(std::span<const float* const> rows, std::span<const float> weights, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(add_rows)(rows, weights, count, out);
}

}  // namespace assemble::corruptions
#endif
