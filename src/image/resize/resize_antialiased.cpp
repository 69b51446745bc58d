// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"

namespace assemble {
namespace {

constexpr int kChannels = Image::kChannels;

/// The source indices a target index averages, and their weights.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

Taps taps_at(int index, double scale, int source, ResizeFilter filter) {
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
  Taps taps{first, {}};
  for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  return taps;
}

std::vector<Taps> make_taps(int source, int target, int begin, int count, bool mirrored, ResizeFilter filter) {
  std::vector<Taps> taps;
  taps.reserve(static_cast<size_t>(count));
  const double scale = static_cast<double>(source) / target;
  for (int i = 0; i < count; ++i) {
    taps.push_back(taps_at(mirrored ? target - 1 - begin - i : begin + i, scale, source, filter));
  }
  return taps;
}

void average_row(const uint8_t* row, const std::vector<Taps>& columns, float* out) {
  for (const Taps& column : columns) {
    float red = 0, green = 0, blue = 0;
    const uint8_t* pixel = row + column.first * kChannels;
    for (const float weight : column.weights) {
      red += weight * pixel[0];
      green += weight * pixel[1];
      blue += weight * pixel[2];
      pixel += kChannels;
    }
    *out++ = red;
    *out++ = green;
    *out++ = blue;
  }
}

/// PIL keeps bytes after each of its two passes.
void keep_in_range(std::span<float> values) {
  for (float& value : values) value = std::clamp(value, 0.f, 255.f);
}

}  // namespace

void resize_antialiased_crop(const Image& image, int height, int width, const Window& crop, bool mirrored,
                             std::span<float> output, ResizeFilter filter) {
  const size_t row_length = static_cast<size_t>(crop.width) * kChannels;
  if (!crop.lies_in(height, width) || image.height < 1 || image.width < 1 ||
      output.size() != row_length * static_cast<size_t>(crop.height)) {
    throw UsageError("resize", concat("sizes do not fit: ", image.width, "×", image.height, " to ", width, "×", height,
                                      ", crop ", crop.width, "×", crop.height, ", output ", output.size(), " floats"));
  }
  const std::vector<Taps> rows = make_taps(image.height, height, crop.y, crop.height, false, filter);
  const std::vector<Taps> columns = make_taps(image.width, width, crop.x, crop.width, mirrored, filter);
  const int first = rows.front().first;
  const int end = rows.back().first + static_cast<int>(rows.back().weights.size());
  thread_local std::vector<float> narrow;  // the needed source rows after the horizontal pass
  narrow.resize(row_length * static_cast<size_t>(end - first));
  for (int y = first; y < end; ++y) {
    average_row(image.row(y), columns, narrow.data() + row_length * static_cast<size_t>(y - first));
  }
  const bool overshoots = filter == ResizeFilter::kBicubic;
  if (overshoots) keep_in_range(narrow);
  float* out = output.data();
  for (const Taps& row : rows) {
    std::fill_n(out, row_length, 0.f);
    const float* source = narrow.data() + row_length * static_cast<size_t>(row.first - first);
    for (const float weight : row.weights) {
      for (size_t i = 0; i < row_length; ++i) out[i] += weight * source[i];
      source += row_length;
    }
    out += row_length;
  }
  if (overshoots) keep_in_range(output);
}

}  // namespace assemble
