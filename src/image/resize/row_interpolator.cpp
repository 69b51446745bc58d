// SPDX-License-Identifier: Apache-2.0
#include "resize/row_interpolator.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <span>

namespace assemble {
namespace {

constexpr int kChannels = Image::kChannels;

void interpolate_pixel(const uint8_t* row, const AxisPoint& column, float* out) {
  const uint8_t* lower = row + column.lower * kChannels;
  const uint8_t* upper = row + column.upper * kChannels;
  for (int c = 0; c < kChannels; ++c) {
    const float left = lower[c];
    const float right = upper[c];
    out[c] = left + (right - left) * column.weight;
  }
}

#if defined(__SSE2__)
/// Four bytes; the fourth belongs to the next pixel, and what comes of it is overwritten later.
__m128i load_pixel(const uint8_t* pixel) {
  int32_t bytes;
  std::memcpy(&bytes, pixel, sizeof(bytes));
  return _mm_cvtsi32_si128(bytes);
}

__m128 to_floats(__m128i bytes) {
  const __m128i zero = _mm_setzero_si128();
  return _mm_cvtepi32_ps(_mm_unpacklo_epi16(_mm_unpacklo_epi8(bytes, zero), zero));
}

float* interpolate_pixels_sse2(const uint8_t* row, std::span<const AxisPoint> columns, float* out) {
  for (const AxisPoint& column : columns) {
    const __m128 left = to_floats(load_pixel(row + column.lower * kChannels));
    const __m128 right = to_floats(load_pixel(row + column.upper * kChannels));
    _mm_storeu_ps(out, _mm_add_ps(left, _mm_mul_ps(_mm_sub_ps(right, left), _mm_set1_ps(column.weight))));
    out += kChannels;
  }
  return out;
}

/// Two pixels at a time.
__attribute__((target("avx2"))) void interpolate_pixels_avx2(const uint8_t* row, std::span<const AxisPoint> columns,
                                                             float* out) {
  const auto load_pair = [row](int first, int second) __attribute__((target("avx2"))) {
    int32_t low, high;
    std::memcpy(&low, row + first * kChannels, sizeof(low));
    std::memcpy(&high, row + second * kChannels, sizeof(high));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_insert_epi32(_mm_cvtsi32_si128(low), high, 1)));
  };
  size_t i = 0;
  for (; i + 2 <= columns.size(); i += 2, out += 2 * kChannels) {
    const AxisPoint& a = columns[i];
    const AxisPoint& b = columns[i + 1];
    const __m256 left = load_pair(a.lower, b.lower);
    const __m256 right = load_pair(a.upper, b.upper);
    const __m256 weight = _mm256_set_m128(_mm_set1_ps(b.weight), _mm_set1_ps(a.weight));
    const __m256 value = _mm256_add_ps(left, _mm256_mul_ps(_mm256_sub_ps(right, left), weight));
    _mm_storeu_ps(out, _mm256_castps256_ps128(value));
    _mm_storeu_ps(out + kChannels, _mm256_extractf128_ps(value, 1));
  }
  interpolate_pixels_sse2(row, columns.subspan(i), out);
}
#endif

bool has_avx2() {
#if defined(__SSE2__)
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
#else
  return false;
#endif
}

bool has_avx512_vbmi() {
#if defined(__SSE2__)
  static const bool has = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
  return has;
#else
  return false;
#endif
}

}  // namespace

RowInterpolator::RowInterpolator(const Axis& columns) : columns_(columns) {
  if (has_avx512_vbmi()) groups_ = make_groups(columns);
}

std::vector<RowInterpolator::Group> RowInterpolator::make_groups(const Axis& columns) {
  std::vector<Group> groups;
  for (size_t first = 0; first < columns.size(); first += kGroup) {
    const std::span members = std::span(columns).subspan(first, std::min(kGroup, columns.size() - first));
    int begin = members[0].lower, last = begin;
    for (const AxisPoint& column : members) {
      begin = std::min({begin, column.lower, column.upper});
      last = std::max({last, column.lower, column.upper});
    }
    const int bytes = (last - begin + 1) * kChannels;
    if (bytes > 64) return {};
    Group& group = groups.emplace_back();
    group.begin = begin * kChannels;
    group.readable = ~uint64_t{0} >> (64 - bytes);
    group.stored = static_cast<uint16_t>((1u << (members.size() * kChannels)) - 1);
    for (size_t i = 0; i < members.size() * kChannels; ++i) {
      const AxisPoint& column = members[i / kChannels];
      const int channel = static_cast<int>(i % kChannels);
      group.lower[i] = static_cast<uint8_t>((column.lower - begin) * kChannels + channel);
      group.upper[i] = static_cast<uint8_t>((column.upper - begin) * kChannels + channel);
      group.weight[i] = column.weight;
    }
  }
  return groups;
}

#if defined(__SSE2__)
#define ASSEMBLE_AVX512_VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))

namespace {

/// Some of 64 bytes as floats.
ASSEMBLE_AVX512_VBMI inline __m512 pick(const std::array<uint8_t, 16>& indices, __m512i bytes) {
  const __m128i places = _mm_loadu_si128(reinterpret_cast<const __m128i*>(indices.data()));
  const __m512i picked = _mm512_permutexvar_epi8(_mm512_castsi128_si512(places), bytes);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(picked)));
}

}  // namespace

ASSEMBLE_AVX512_VBMI void RowInterpolator::interpolate_groups(const uint8_t* row, float* out) const {
  for (const Group& group : groups_) {
    const __m512i bytes = _mm512_maskz_loadu_epi8(group.readable, row + group.begin);
    const __m512 left = pick(group.lower, bytes), right = pick(group.upper, bytes);
    const __m512 weight = _mm512_loadu_ps(group.weight.data());
    _mm512_mask_storeu_ps(out, group.stored, _mm512_add_ps(left, _mm512_mul_ps(_mm512_sub_ps(right, left), weight)));
    out += kGroup * kChannels;
  }
}
#else
void RowInterpolator::interpolate_groups(const uint8_t*, float*) const {}
#endif

void RowInterpolator::operator()(const uint8_t* row, [[maybe_unused]] bool readable_beyond, float* out) const {
  if (!groups_.empty()) return interpolate_groups(row, out);
#if defined(__SSE2__)
  if (readable_beyond && has_avx2()) return interpolate_pixels_avx2(row, columns_, out);
  if (readable_beyond) return void(interpolate_pixels_sse2(row, columns_, out));
#endif
  for (const AxisPoint& column : columns_) {
    interpolate_pixel(row, column, out);
    out += kChannels;
  }
}

}  // namespace assemble
