// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <numbers>

#include "assemble/core/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random_fill.cpp"
// The first of them compiles this file once for each kind of processor.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef ASSEMBLE_RANDOM_FILL_CONSTANTS
#define ASSEMBLE_RANDOM_FILL_CONSTANTS
namespace assemble {
namespace {

constexpr size_t kWords = 4;
/// Counters encrypted together, and their words.
constexpr size_t kCounters = 16;
constexpr size_t kGroup = kCounters * kWords;
/// Normals made together: the first half of this many words gives radii, the second half angles.
constexpr size_t kNormals = 256;

}  // namespace
}  // namespace assemble
#endif

// All processors give the same bits: no MulAdd here, which rounds otherwise than a multiplication and an addition.
HWY_BEFORE_NAMESPACE();
namespace assemble {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
size_t encrypt_groups(const std::array<uint32_t, 4>&, const std::array<uint32_t, 2>&, uint32_t*, size_t) { return 0; }
#else
// 64-bit lanes that hold 32-bit values: the widening multiplication is then one instruction a vector.
using Wide = hn::CappedTag<uint64_t, kCounters / 2>;
using WideVector = hn::Vec<Wide>;

HWY_INLINE WideVector product(WideVector value, uint32_t factor) {
  const hn::Repartition<uint32_t, Wide> halves;
  return hn::MulEven(hn::BitCast(halves, value), hn::Set(halves, factor));
}

HWY_INLINE void philox_round(WideVector& a, WideVector& b, WideVector& c, WideVector& d, WideVector first_key,
                             WideVector second_key) {
  const auto lower_half = hn::Set(Wide(), 0xFFFFFFFFu);
  const auto first = product(a, 0xD2511F53u), second = product(c, 0xCD9E8D57u);
  a = hn::Xor(hn::Xor(hn::ShiftRight<32>(second), b), first_key);
  b = hn::And(second, lower_half);
  c = hn::Xor(hn::Xor(hn::ShiftRight<32>(first), d), second_key);
  d = hn::And(first, lower_half);
}

/// The words of philox4x32() in their order.
HWY_INLINE void store_words(WideVector a, WideVector b, WideVector c, WideVector d, uint32_t* words) {
  const Wide wide;
  HWY_ALIGN uint64_t pairs[2 * hn::MaxLanes(Wide())];
  hn::StoreInterleaved2(hn::Or(a, hn::ShiftLeft<32>(b)), hn::Or(c, hn::ShiftLeft<32>(d)), wide, pairs);
  std::memcpy(words, pairs, 2 * hn::Lanes(wide) * sizeof(uint64_t));
}

/// philox4x32() of counters that follow one another: two vectors at a time, since each waits for its multiplications.
/// @return the groups that were made, none where the processor is not up to it
size_t encrypt_groups(const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key, uint32_t* words,
                      size_t groups) {
  const Wide wide;
  const size_t lanes = hn::Lanes(wide);
  uint64_t keys[10][2];
  for (uint32_t round = 0; round < 10; ++round) {
    keys[round][0] = key[0] + round * 0x9E3779B9u;
    keys[round][1] = key[1] + round * 0xBB67AE85u;
  }
  const auto lower_half = hn::Set(wide, 0xFFFFFFFFu);
  for (size_t done = 0; done < groups * kCounters; done += 2 * lanes) {
    const auto number = hn::Iota(wide, uint64_t{counter[0]} + done);
    auto a = hn::And(number, lower_half), e = hn::And(hn::Add(number, hn::Set(wide, lanes)), lower_half);
    auto b = hn::Set(wide, counter[1]), c = hn::Set(wide, counter[2]), d = hn::Set(wide, counter[3]);
    auto f = b, g = c, h = d;
    for (const auto& [first, second] : keys) {
      const auto first_key = hn::Set(wide, first), second_key = hn::Set(wide, second);
      philox_round(a, b, c, d, first_key, second_key);
      philox_round(e, f, g, h, first_key, second_key);
    }
    store_words(a, b, c, d, words + kWords * done);
    store_words(e, f, g, h, words + kWords * (done + lanes));
  }
  return groups;
}
#endif

using Floats = hn::ScalableTag<float>;
using Integers = hn::Rebind<int32_t, Floats>;
using Words = hn::Rebind<uint32_t, Floats>;
using FloatVector = hn::Vec<Floats>;

/// first · x^n + second · x^(n - 1) + …
template <typename... Rest>
HWY_INLINE FloatVector polynomial(FloatVector x, float first, Rest... rest) {
  auto sum = hn::Set(Floats(), first);
  ((sum = hn::Add(hn::Mul(sum, x), hn::Set(Floats(), rest))), ...);
  return sum;
}

/// The upper bits of words as an integer in floats.
template <int kDropped>
HWY_INLINE FloatVector upper_bits(const uint32_t* words) {
  return hn::ConvertTo(Floats(), hn::BitCast(Integers(), hn::ShiftRight<kDropped>(hn::LoadU(Words(), words))));
}

/// Words as floats in (0, 1): the upper 23 bits and a half, so that their logarithms are finite.
HWY_INLINE FloatVector inside_unit(const uint32_t* words) {
  const Floats d;
  return hn::Mul(hn::Add(upper_bits<9>(words), hn::Set(d, 0.5f)), hn::Set(d, 0x1p-23f));
}

/// Natural logarithm of positive normal numbers, relative error below 1e-6 (polynomial of Cephes' logf).
HWY_INLINE FloatVector fast_log(FloatVector x) {
  const Floats d;
  const Words words;
  // Splits x = m · 2^e with m in [√½, √2).
  const auto root = hn::Set(words, 0x3F3504F3u);
  const auto shifted = hn::Sub(hn::BitCast(words, x), root);
  const auto exponent = hn::ConvertTo(d, hn::ShiftRight<23>(hn::BitCast(Integers(), shifted)));
  const auto mantissa = hn::Add(hn::And(shifted, hn::Set(words, 0x007FFFFFu)), root);
  const auto m = hn::Sub(hn::BitCast(d, mantissa), hn::Set(d, 1.0f));
  const auto p = polynomial(m, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f,
                            1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f);
  const auto rest = hn::Mul(hn::Mul(m, m), hn::Sub(hn::Mul(m, p), hn::Set(d, 0.5f)));
  return hn::Add(hn::Mul(exponent, hn::Set(d, 0.69314718056f)), hn::Add(m, rest));
}

/// Sine and cosine of full turns times `turns`, in [0, 1): error below 1e-6.
HWY_INLINE void sine_cosine(FloatVector turns, FloatVector& sine, FloatVector& cosine) {
  const Floats d;
  const Integers integers;
  const auto one = hn::Set(integers, 1);
  const auto quarters = hn::Mul(turns, hn::Set(d, 4.0f));
  const auto quadrant = hn::ConvertTo(integers, hn::Add(quarters, hn::Set(d, 0.5f)));
  const auto quarter_turn = hn::Set(d, static_cast<float>(std::numbers::pi / 2));
  const auto x = hn::Mul(hn::Sub(quarters, hn::ConvertTo(d, quadrant)), quarter_turn);
  const auto square = hn::Mul(x, x);
  const auto s = hn::Add(
      x, hn::Mul(hn::Mul(x, square), polynomial(square, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f)));
  const auto near_one = hn::Sub(hn::Set(d, 1.0f), hn::Mul(hn::Set(d, 0.5f), square));
  const auto c = hn::Add(
      near_one, hn::Mul(hn::Mul(square, square),
                        polynomial(square, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f)));
  const auto swapped = hn::RebindMask(d, hn::TestBit(quadrant, one));
  const auto sign = [&](hn::Vec<Integers> half_turns) HWY_ATTR {
    return hn::BitCast(d, hn::ShiftLeft<30>(hn::And(half_turns, hn::Set(integers, 2))));
  };
  sine = hn::Xor(hn::IfThenElse(swapped, c, s), sign(quadrant));
  cosine = hn::Xor(hn::IfThenElse(swapped, s, c), sign(hn::Add(quadrant, one)));
}

/// kNormals of as many words.
void normals_from_words(const uint32_t* HWY_RESTRICT words, float* HWY_RESTRICT values) {
  constexpr size_t kHalf = kNormals / 2;
  const Floats d;
  for (size_t i = 0; i < kHalf; i += hn::Lanes(d)) {
    const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), fast_log(inside_unit(words + i))));
    auto sine = hn::Undefined(d), cosine = hn::Undefined(d);
    sine_cosine(hn::Mul(upper_bits<8>(words + kHalf + i), hn::Set(d, 0x1p-24f)), sine, cosine);
    hn::StoreU(hn::Mul(radius, cosine), d, values + i);
    hn::StoreU(hn::Mul(radius, sine), d, values + kHalf + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assemble
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble {

HWY_EXPORT(encrypt_groups);
HWY_EXPORT(normals_from_words);

void Random::fill_words(std::span<uint32_t> words) {
  used_ = kWords;
  const size_t groups = HWY_DYNAMIC_DISPATCH(encrypt_groups)(counter_, key_, words.data(), words.size() / kGroup);
  counter_[0] += static_cast<uint32_t>(groups * kCounters);
  for (size_t i = groups * kGroup; i < words.size(); i += kWords) {
    refill();
    used_ = kWords;
    std::copy_n(block_.begin(), std::min<size_t>(kWords, words.size() - i), words.begin() + static_cast<ptrdiff_t>(i));
  }
}

void Random::fill_uniform(std::span<float> values) {
  std::array<uint32_t, kNormals> words;
  for (size_t i = 0; i < values.size(); i += words.size()) {
    const size_t count = std::min(words.size(), values.size() - i);
    fill_words({words.data(), count});
    for (size_t j = 0; j < count; ++j) {
      values[i + j] = static_cast<float>(static_cast<int32_t>(words[j] >> 8)) * 0x1p-24f;
    }
  }
}

void Random::fill_normal(std::span<float> values) {
  std::array<uint32_t, kNormals> words;
  std::array<float, kNormals> last;
  for (size_t i = 0; i < values.size(); i += kNormals) {
    fill_words(words);
    const bool whole = values.size() - i >= kNormals;
    HWY_DYNAMIC_DISPATCH(normals_from_words)(words.data(), whole ? values.data() + i : last.data());
    if (!whole) std::copy_n(last.begin(), values.size() - i, values.begin() + static_cast<ptrdiff_t>(i));
  }
}

}  // namespace assemble
#endif
