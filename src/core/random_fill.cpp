// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "assemble/core/random.h"
#include "assemble/core/target_clones.h"

namespace assemble {
namespace {

/// Counters encrypted side by side.
constexpr int kLanes = 8;
constexpr int kWords = 4;
constexpr size_t kGroup = kLanes * kWords;
/// Normals made together: the first half of this many words gives radii, the second half angles.
constexpr size_t kNormals = 256;

/// philox4x32() of kLanes counters that follow one another, and its words in that order.
inline __attribute__((always_inline)) void philox_lanes(const std::array<uint32_t, 4>& counter,
                                                        std::array<uint32_t, 2> key, uint32_t* words) {
  // 64-bit lanes that hold 32-bit values: the widening multiplication is then one instruction a vector.
  uint64_t a[kLanes], b[kLanes], c[kLanes], d[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    a[i] = counter[0] + static_cast<uint32_t>(i);
    b[i] = counter[1];
    c[i] = counter[2];
    d[i] = counter[3];
  }
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kLanes; ++i) {
      const uint64_t first = uint64_t{0xD2511F53u} * (a[i] & 0xFFFFFFFFu);
      const uint64_t second = uint64_t{0xCD9E8D57u} * (c[i] & 0xFFFFFFFFu);
      a[i] = (second >> 32) ^ b[i] ^ key[0];
      b[i] = second & 0xFFFFFFFFu;
      c[i] = (first >> 32) ^ d[i] ^ key[1];
      d[i] = first & 0xFFFFFFFFu;
    }
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  for (int i = 0; i < kLanes; ++i) {
    words[kWords * i] = static_cast<uint32_t>(a[i]);
    words[kWords * i + 1] = static_cast<uint32_t>(b[i]);
    words[kWords * i + 2] = static_cast<uint32_t>(c[i]);
    words[kWords * i + 3] = static_cast<uint32_t>(d[i]);
  }
}

/// A word as a float in (0, 1): the upper 23 bits and a half, so that its logarithm is finite.
inline float inside_unit(uint32_t word) {
  return (static_cast<float>(static_cast<int32_t>(word >> 9)) + 0.5f) * 0x1p-23f;
}

/// Natural logarithm of a positive normal number, relative error below 1e-6 (polynomial of Cephes' logf).
inline float fast_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  // Splits x = m · 2^e with m in [√½, √2).
  const uint32_t shifted = bits - 0x3F3504F3u;
  const float exponent = static_cast<float>(static_cast<int32_t>(shifted) >> 23);
  const float m = std::bit_cast<float>((shifted & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
  const float square = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return exponent * 0.69314718056f + (m + square * (m * p - 0.5f));
}

/// Sine and cosine of a full turn times `turns`, in [0, 1): error below 1e-6.
inline void sine_cosine(float turns, float& sine, float& cosine) {
  const int quadrant = static_cast<int>(turns * 4.0f + 0.5f);
  const float x = (turns * 4.0f - static_cast<float>(quadrant)) * static_cast<float>(std::numbers::pi / 2);
  const float square = x * x;
  const float s = x + x * square * (-1.6666654611e-1f + square * (8.3321608736e-3f - square * 1.9515295891e-4f));
  const float c =
      1.0f - 0.5f * square +
      square * square * (4.166664568298827e-2f + square * (-1.388731625493765e-3f + square * 2.443315711809948e-5f));
  const bool swapped = (quadrant & 1) != 0;
  const float first = swapped ? c : s;
  const float second = swapped ? s : c;
  sine = (quadrant & 2) != 0 ? -first : first;
  cosine = ((quadrant + 1) & 2) != 0 ? -second : second;
}

inline __attribute__((always_inline)) void normals_from_words(const uint32_t* words, float* values) {
  constexpr size_t kHalf = kNormals / 2;
  for (size_t i = 0; i < kHalf; ++i) {
    const float radius = std::sqrt(-2.0f * fast_log(inside_unit(words[i])));
    const float turns = static_cast<float>(static_cast<int32_t>(words[kHalf + i] >> 8)) * 0x1p-24f;
    float sine, cosine;
    sine_cosine(turns, sine, cosine);
    values[i] = radius * cosine;
    values[kHalf + i] = radius * sine;
  }
}

}  // namespace

// The compiler makes a version for AVX2 and one for any processor; both give the same bits, as neither fuses
// multiplications with additions.
ASSEMBLE_TARGET_CLONES("avx2", "default")
static void fill_philox(std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key, uint32_t* words,
                        size_t groups) {
  for (size_t i = 0; i < groups; ++i) {
    philox_lanes(counter, key, words + kGroup * i);
    counter[0] += kLanes;
  }
}

ASSEMBLE_TARGET_CLONES("avx2", "default") static void fill_from_words(const uint32_t* words, float* values) {
  normals_from_words(words, values);
}

void Random::fill_words(std::span<uint32_t> words) {
  used_ = kWords;
  const size_t groups = words.size() / kGroup;
  fill_philox(counter_, key_, words.data(), groups);
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
    fill_from_words(words.data(), whole ? values.data() + i : last.data());
    if (!whole) std::copy_n(last.begin(), values.size() - i, values.begin() + static_cast<ptrdiff_t>(i));
  }
}

}  // namespace assemble
