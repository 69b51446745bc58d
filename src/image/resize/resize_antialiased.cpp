// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "channels.h"

namespace assemble {
namespace {

/// Pillow's weights of bytes are whole multiples of 2^-22.
constexpr int kWeightBits = 22;

/// The source indices a target index averages, and their weights: floats, or whole numbers as Pillow rounds them.
template <typename Weight>
struct Taps {
  int first = 0;
  std::vector<Weight> weights;
};

template <typename Weight>
Weight as_weight(double weight) {
  if constexpr (std::is_same_v<Weight, float>) {
    return static_cast<float>(weight);
  } else {
    return static_cast<Weight>(std::lround(weight * (1 << kWeightBits)));
  }
}

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

template <typename Weight>
Taps<Weight> taps_at(int index, double scale, int source, ResizeFilter filter) {
  const double stretch = std::max(scale, 1.0);
  const double reach = filter == ResizeFilter::kBicubic ? 2 * stretch : stretch;
  const double centre = (index + 0.5) * scale;
  const int first = std::max(static_cast<int>(centre - reach + 0.5), 0);
  const int end = std::min(static_cast<int>(centre + reach + 0.5), source);
  std::vector<double> weights;
  double sum = 0;
  for (int i = first; i < end; ++i) {
    const double place = (i + 0.5 - centre) / stretch;
    weights.push_back(filter == ResizeFilter::kBicubic ? cubic(place) : triangle(place));
    sum += weights.back();
  }
  Taps<Weight> taps{first, {}};
  for (const double weight : weights) taps.weights.push_back(as_weight<Weight>(weight / sum));
  return taps;
}

template <typename Weight>
std::vector<Taps<Weight>> make_taps(int source, int target, int begin, int count, bool mirrored, ResizeFilter filter) {
  std::vector<Taps<Weight>> taps;
  taps.reserve(static_cast<size_t>(count));
  const double scale = static_cast<double>(source) / target;
  for (int i = 0; i < count; ++i) {
    taps.push_back(taps_at<Weight>(mirrored ? target - 1 - begin - i : begin + i, scale, source, filter));
  }
  return taps;
}

/// Sums of floats, as they are; cut off to a byte's range after each pass where the filter overshoots.
struct FloatSums {
  using Weight = float;
  using Kept = float;
  static constexpr Weight kBegin = 0;
  bool overshoots = false;
  Kept keep(Weight sum) const { return overshoots ? std::clamp(sum, 0.f, 255.f) : sum; }
};

/// Pillow's, rounded to bytes after each pass.
struct ByteSums {
  using Weight = int32_t;
  using Kept = uint8_t;
  static constexpr Weight kBegin = 1 << (kWeightBits - 1);
  Kept keep(Weight sum) const { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }
};

template <typename Sums>
void average_row(const uint8_t* row, const std::vector<Taps<typename Sums::Weight>>& columns, const Sums& sums,
                 typename Sums::Kept* out) {
  for (const auto& column : columns) {
    typename Sums::Weight red = Sums::kBegin, green = Sums::kBegin, blue = Sums::kBegin;
    const uint8_t* pixel = row + column.first * kChannels;
    for (const auto weight : column.weights) {
      red += weight * pixel[0];
      green += weight * pixel[1];
      blue += weight * pixel[2];
      pixel += kChannels;
    }
    *out++ = sums.keep(red);
    *out++ = sums.keep(green);
    *out++ = sums.keep(blue);
  }
}

void check_sizes(const Image& image, int height, int width, const Window& crop, size_t output) {
  if (crop.lies_in(height, width) && image.height >= 1 && image.width >= 1 &&
      output == size_t{kChannels} * static_cast<size_t>(crop.width) * static_cast<size_t>(crop.height)) {
    return;
  }
  throw UsageError("resize", concat("sizes do not fit: ", image.width, "×", image.height, " to ", width, "×", height,
                                    ", crop ", crop.width, "×", crop.height, ", output ", output, " values"));
}

/// Along the rows, then along the columns.
template <typename Sums>
void resize_in_two_passes(const Image& image, int height, int width, const Window& crop, bool mirrored,
                          ResizeFilter filter, const Sums& sums, std::span<typename Sums::Kept> output) {
  using Weight = typename Sums::Weight;
  check_sizes(image, height, width, crop, output.size());
  const size_t row_length = static_cast<size_t>(crop.width) * kChannels;
  const auto rows = make_taps<Weight>(image.height, height, crop.y, crop.height, false, filter);
  const auto columns = make_taps<Weight>(image.width, width, crop.x, crop.width, mirrored, filter);
  const int first = rows.front().first;
  const int end = rows.back().first + static_cast<int>(rows.back().weights.size());
  thread_local std::vector<typename Sums::Kept> narrow;  // the needed source rows after the first pass
  thread_local std::vector<Weight> row_sums;
  narrow.resize(row_length * static_cast<size_t>(end - first));
  for (int y = first; y < end; ++y) {
    average_row(image.row(y), columns, sums, narrow.data() + row_length * static_cast<size_t>(y - first));
  }
  auto* out = output.data();
  for (const Taps<Weight>& row : rows) {
    row_sums.assign(row_length, Sums::kBegin);
    const auto* source = narrow.data() + row_length * static_cast<size_t>(row.first - first);
    for (const Weight weight : row.weights) {
      for (size_t i = 0; i < row_length; ++i) row_sums[i] += weight * source[i];
      source += row_length;
    }
    out = std::ranges::transform(row_sums, out, [&](Weight sum) { return sums.keep(sum); }).out;
  }
}

}  // namespace

void resize_antialiased_crop(const Image& image, int height, int width, const Window& crop, bool mirrored,
                             std::span<float> output, ResizeFilter filter) {
  const FloatSums sums{.overshoots = filter == ResizeFilter::kBicubic};
  resize_in_two_passes(image, height, width, crop, mirrored, filter, sums, output);
}

void resize_as_pillow(const Image& image, int height, int width, const Window& crop, std::span<uint8_t> output,
                      ResizeFilter filter) {
  resize_in_two_passes(image, height, width, crop, /*mirrored=*/false, filter, ByteSums{}, output);
}

}  // namespace assemble
