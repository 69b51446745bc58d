// SPDX-License-Identifier: Apache-2.0
#include "check/perceptual_hash.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numbers>
#include <numeric>

#include "assemble/core/math.h"

namespace assemble::check {
namespace {

constexpr int kPixels = SmallImage::kSide;  // along a side
constexpr int kFrequencies = 8;
constexpr double kWindow = 0.9;
constexpr double kOffsets[] = {0, 0.05, 0.1};
constexpr size_t kWindows = 1 + std::size(kOffsets);  // along an axis: the whole, and the windows at each offset

/// The bits of odd frequencies along the rows, whose signs mirroring changes.
constexpr uint64_t kOddBits = 0xAAAAAAAAAAAAAAAA;

/// One row a frequency: what each pixel of the image adds to it.
using Basis = std::array<std::array<float, kPixels>, kFrequencies>;

/// Cosines over a window, which is sampled between the pixels.
Basis basis_of(double scale, double offset) {
  constexpr int kSamples = 32;
  Basis basis{};
  for (int sample = 0; sample < kSamples; ++sample) {
    const double share = (sample + 0.5) / kSamples;
    const double place = std::clamp((offset + share * scale) * kPixels - 0.5, 0.0, kPixels - 1.0);
    const int before = std::min(static_cast<int>(place), kPixels - 2);
    const double rest = place - before;
    for (int frequency = 0; frequency < kFrequencies; ++frequency) {
      const double cosine = math::cos(std::numbers::pi * frequency * share);
      auto& row = basis[static_cast<size_t>(frequency)];
      row[static_cast<size_t>(before)] += static_cast<float>(cosine * (1 - rest));
      row[static_cast<size_t>(before) + 1] += static_cast<float>(cosine * rest);
    }
  }
  return basis;
}

const std::array<Basis, kWindows>& bases() {
  static const std::array<Basis, kWindows> all = [] {
    std::array<Basis, kWindows> list{basis_of(1, 0)};
    for (size_t i = 1; i < kWindows; ++i) list[i] = basis_of(kWindow, kOffsets[i - 1]);
    return list;
  }();
  return all;
}

/// Frequencies along the columns, still by pixel along the rows.
Basis along_columns(const SmallImage& image, const Basis& basis) {
  Basis result{};
  for (size_t frequency = 0; frequency < kFrequencies; ++frequency) {
    for (size_t y = 0; y < kPixels; ++y) {
      for (size_t x = 0; x < kPixels; ++x) result[frequency][x] += basis[frequency][y] * image.luma[y * kPixels + x];
    }
  }
  return result;
}

uint64_t hash_of(const Basis& columns, const Basis& rows) {
  uint64_t hash = 0;
  for (size_t v = 0; v < kFrequencies; ++v) {
    for (size_t u = 0; u < kFrequencies; ++u) {
      if (u + v == 0) continue;  // the mean
      const float value = std::inner_product(columns[v].begin(), columns[v].end(), rows[u].begin(), 0.f);
      if (value > 0) hash |= uint64_t{1} << (v * kFrequencies + u);
    }
  }
  return hash;
}

}  // namespace

std::span<const Pose> poses() {
  static const std::vector<Pose> all = [] {
    std::vector<Pose> list{{}, {.mirrored = true}};
    for (const double y : kOffsets) {
      for (const double x : kOffsets) {
        list.push_back({kWindow, y, x, false});
        list.push_back({kWindow, y, 1 - kWindow - x, true});
      }
    }
    return list;
  }();
  return all;
}

std::vector<uint64_t> hashes_of(const SmallImage& image) {
  std::vector<uint64_t> hashes;
  const auto add = [&](uint64_t hash) { hashes.insert(hashes.end(), {hash, hash ^ kOddBits}); };
  add(hash_of(along_columns(image, bases()[0]), bases()[0]));
  for (size_t y = 1; y < kWindows; ++y) {
    const Basis columns = along_columns(image, bases()[y]);
    for (size_t x = 1; x < kWindows; ++x) add(hash_of(columns, bases()[x]));
  }
  return hashes;
}

}  // namespace assemble::check
