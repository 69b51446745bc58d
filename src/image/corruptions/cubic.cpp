// SPDX-License-Identifier: Apache-2.0
#include "corruptions/cubic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "channels.h"

namespace assemble::corruptions {
namespace {

constexpr size_t kTaps = 4;
constexpr int kBits = 11;  // of weights in fixed point

/// What one target row or column is made of.
template <typename Weight>
struct Taps {
  std::array<int, kTaps> from{};
  std::array<Weight, kTaps> weights{};
};

int32_t in_fixed_point(float weight) { return static_cast<int32_t>(std::nearbyint(weight * (1 << kBits))); }

std::array<float, kTaps> weights_at(float x) {
  constexpr float kA = -0.75f;
  const float before = x + 1, after = 1 - x;
  std::array<float, kTaps> weights{};
  weights[0] = ((kA * before - 5 * kA) * before + 8 * kA) * before - 4 * kA;
  weights[1] = ((kA + 2) * x - (kA + 3)) * x * x + 1;
  weights[2] = ((kA + 2) * after - (kA + 3)) * after * after + 1;
  weights[3] = 1 - weights[0] - weights[1] - weights[2];
  return weights;
}

/// @param to_weight of a float
template <typename Weight, typename ToWeight>
std::vector<Taps<Weight>> taps_of(int source, int target, ToWeight to_weight) {
  const double step = 1 / (static_cast<double>(target) / source);
  std::vector<Taps<Weight>> all(static_cast<size_t>(target));
  for (int i = 0; i < target; ++i) {
    const auto at = static_cast<float>((i + 0.5) * step - 0.5);
    const int first = static_cast<int>(std::floor(at));
    Taps<Weight>& taps = all[static_cast<size_t>(i)];
    std::ranges::transform(weights_at(at - static_cast<float>(first)), taps.weights.begin(), to_weight);
    for (int k = 0; k < static_cast<int>(kTaps); ++k) {
      taps.from[static_cast<size_t>(k)] = std::clamp(first + k - 1, 0, source - 1);
    }
  }
  return all;
}

/// One axis after the other: rows of `Sum` from `at`(y, i), i = x · channels + channel, and what `finish` makes of
/// them.
template <typename Sum, typename At, typename ToWeight, typename Finish>
void enlarge(const FieldSize& size, int height, int width, At at, ToWeight to_weight, Finish finish) {
  const std::vector<Taps<Sum>> rows = taps_of<Sum>(size.height, height, to_weight);
  const std::vector<Taps<Sum>> columns = taps_of<Sum>(size.width, width, to_weight);
  const size_t length = static_cast<size_t>(width) * size.channels;
  std::vector<Sum> across(length * static_cast<size_t>(size.height));
  for (int y = 0; y < size.height; ++y) {
    Sum* out = across.data() + length * static_cast<size_t>(y);
    for (const Taps<Sum>& taps : columns) {
      for (int c = 0; c < size.channels; ++c, ++out) {
        for (size_t k = 0; k < kTaps; ++k) *out += at(y, taps.from[k] * size.channels + c) * taps.weights[k];
      }
    }
  }
  for (int y = 0; y < height; ++y) {
    const Taps<Sum>& taps = rows[static_cast<size_t>(y)];
    for (size_t i = 0; i < length; ++i) {
      Sum sum{};
      for (size_t k = 0; k < kTaps; ++k) {
        sum += across[length * static_cast<size_t>(taps.from[k]) + i] * taps.weights[k];
      }
      finish(y, i, sum);
    }
  }
}

}  // namespace

Image enlarged(const Image& image, int height, int width) {
  Image result = Image::create(height, width);
  enlarge<int32_t>(
      {image.height, image.width, kChannels}, height, width, [&](int y, int i) { return int32_t{image.row(y)[i]}; },
      in_fixed_point,
      [&](int y, size_t i, int32_t sum) {
        const int32_t rounded = (sum + (1 << (2 * kBits - 1))) >> (2 * kBits);
        result.row(y)[i] = static_cast<uint8_t>(std::clamp(rounded, 0, 255));
      });
  return result;
}

std::vector<double> enlarged(const std::vector<double>& field, const FieldSize& size, int height, int width) {
  std::vector<double> result(static_cast<size_t>(height) * static_cast<size_t>(width));
  enlarge<double>(
      size, height, width,
      [&](int y, int i) { return field[size.row() * static_cast<size_t>(y) + static_cast<size_t>(i)]; },
      [](float weight) { return double{weight}; },
      [&](int y, size_t i, double sum) { result[static_cast<size_t>(width) * static_cast<size_t>(y) + i] = sum; });
  return result;
}

}  // namespace assemble::corruptions
