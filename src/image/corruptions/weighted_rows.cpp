// SPDX-License-Identifier: Apache-2.0
#include "corruptions/filters.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "corruptions/weighted_rows.cpp"
// The first of them compiles this file once for each kind of processor.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble::corruptions::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Rows = std::span<const double* const>;
using Weights = std::span<const double>;

struct Weighted {
  Rows rows;
  Weights weights;

  size_t terms() const { return rows.size(); }
  double weight(size_t k) const { return weights[k]; }
  template <typename D>
  hn::Vec<D> load(D d, size_t k, size_t i) const {
    return hn::LoadU(d, rows[k] + i);
  }
};

struct Mirrored {
  Rows rows;
  Weights weights;

  size_t terms() const { return rows.size() / 2 + 1; }
  double weight(size_t k) const { return weights[k == 0 ? rows.size() / 2 : k - 1]; }
  template <typename D>
  hn::Vec<D> load(D d, size_t k, size_t i) const {
    if (k == 0) return hn::LoadU(d, rows[rows.size() / 2] + i);
    return hn::Add(hn::LoadU(d, rows[k - 1] + i), hn::LoadU(d, rows[rows.size() - k] + i));
  }
};

/// One vector at a time; returns up to where.
template <typename D, typename Sum>
size_t add_vectors(D d, const Sum& of, size_t i, size_t count, double* HWY_RESTRICT out) {
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    auto sum = hn::Zero(d);
    for (size_t k = 0; k < of.terms(); ++k) sum = hn::Add(sum, hn::Mul(hn::Set(d, of.weight(k)), of.load(d, k, i)));
    hn::StoreU(sum, d, out + i);
  }
  return i;
}

// Every processor gives the same bits: sums go from the first term to the last, and no MulAdd, which rounds otherwise.
template <typename Sum>
void add_up(const Sum& of, size_t count, double* HWY_RESTRICT out) {
  // Rows begin anywhere: every load of a longer vector would cross a cache line.
  const hn::CappedTag<double, 4> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    auto a = hn::Zero(d), b = a, c = a, e = a;
    for (size_t k = 0; k < of.terms(); ++k) {
      const auto weight = hn::Set(d, of.weight(k));
      a = hn::Add(a, hn::Mul(weight, of.load(d, k, i)));
      b = hn::Add(b, hn::Mul(weight, of.load(d, k, i + lanes)));
      c = hn::Add(c, hn::Mul(weight, of.load(d, k, i + 2 * lanes)));
      e = hn::Add(e, hn::Mul(weight, of.load(d, k, i + 3 * lanes)));
    }
    hn::StoreU(a, d, out + i);
    hn::StoreU(b, d, out + i + lanes);
    hn::StoreU(c, d, out + i + 2 * lanes);
    hn::StoreU(e, d, out + i + 3 * lanes);
  }
  i = add_vectors(d, of, i, count, out);
  add_vectors(hn::CappedTag<double, 1>(), of, i, count, out);
}

void add_weighted(Rows rows, Weights weights, size_t count, double* out) {
  add_up(Weighted{rows, weights}, count, out);
}

void add_mirrored(Rows rows, Weights weights, size_t count, double* out) {
  add_up(Mirrored{rows, weights}, count, out);
}

}  // namespace
}  // namespace assemble::corruptions::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble::corruptions {

HWY_EXPORT(add_weighted);
HWY_EXPORT(add_mirrored);

void weighted_rows(std::span<const double* const> rows, std::span<const double> weights, size_t count, double* out) {
  HWY_DYNAMIC_DISPATCH(add_weighted)(rows, weights, count, out);
}

void mirrored_rows(std::span<const double* const> rows, std::span<const double> weights, size_t count, double* out) {
  HWY_DYNAMIC_DISPATCH(add_mirrored)(rows, weights, count, out);
}

}  // namespace assemble::corruptions
#endif
