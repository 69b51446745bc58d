// SPDX-License-Identifier: Apache-2.0
#include "corruptions/filters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "corruptions/corruption.h"
#include "made_size.h"

namespace assemble::corruptions {
namespace {

/// A Gaussian at first … last, of sum 1.
std::vector<float> gaussian_weights(int first, int last, double sigma) {
  std::vector<double> values;
  double sum = 0;
  for (int i = first; i <= last; ++i) sum += values.emplace_back(std::exp(-0.5 * i * i / (sigma * sigma)));
  std::vector<float> weights(values.size());
  std::transform(values.begin(), values.end(), weights.begin(),
                 [sum](double value) { return static_cast<float>(value / sum); });
  return weights;
}

std::vector<float> gaussian_kernel(double sigma, double truncate) {
  const int radius = static_cast<int>(std::floor(truncate * sigma + 0.5));
  return gaussian_weights(-radius, radius, sigma);
}

}  // namespace

int border_index(int index, int length, Border border) {
  if (index >= 0 && index < length) return index;
  if (border == Border::kNearest || length == 1) return std::clamp(index, 0, length - 1);
  const int repeat = border == Border::kReflect ? 0 : 1;  // 1: the outermost pixel is not doubled
  const int period = 2 * (length - repeat);
  index = ((index % period) + period) % period;
  return index < length ? index : period - 1 + repeat - index;
}

std::vector<float> padded_floats(const uint8_t* pixels, const FieldSize& size, int pad, Border border) {
  check_made_size(int64_t{size.height} + 2 * pad, int64_t{size.width} + 2 * pad, "blur");
  const int channels = size.channels;
  const size_t stride = static_cast<size_t>(size.width + 2 * pad) * channels;
  std::vector<float> padded(stride * static_cast<size_t>(size.height + 2 * pad));
  for (int y = 0; y < size.height + 2 * pad; ++y) {
    const uint8_t* source = pixels + size.row() * border_index(y - pad, size.height, border);
    float* row = padded.data() + stride * static_cast<size_t>(y);
    for (int x = 0; x < pad; ++x) {
      const uint8_t* left = source + border_index(x - pad, size.width, border) * channels;
      const uint8_t* right = source + border_index(size.width + x, size.width, border) * channels;
      std::copy_n(left, channels, row + x * channels);
      std::copy_n(right, channels, row + (pad + size.width + x) * channels);
    }
    std::copy_n(source, size.row(), row + pad * channels);
  }
  return padded;
}

void gaussian_filter(std::vector<float>& field, const FieldSize& size, double sigma, double truncate, Border border) {
  const std::vector<float> kernel = gaussian_kernel(sigma, truncate);
  const int radius = static_cast<int>(kernel.size() / 2), channels = size.channels;
  std::vector<const float*> taps(kernel.size());
  std::vector<float> padded(size.row() + 2 * static_cast<size_t>(radius) * channels), down(field.size());
  for (int y = 0; y < size.height; ++y) {
    for (int k = -radius; k <= radius; ++k) {
      taps[static_cast<size_t>(k + radius)] = field.data() + size.row() * border_index(y + k, size.height, border);
    }
    weighted_rows(taps, kernel, size.row(), down.data() + size.row() * y);
  }
  for (size_t k = 0; k < taps.size(); ++k) taps[k] = padded.data() + k * channels;
  for (int y = 0; y < size.height; ++y) {
    const float* source = down.data() + size.row() * y;
    for (int x = 0; x < radius; ++x) {
      std::copy_n(source + border_index(x - radius, size.width, border) * channels, channels,
                  padded.data() + x * channels);
      std::copy_n(source + border_index(size.width + x, size.width, border) * channels, channels,
                  padded.data() + (radius + size.width + x) * channels);
    }
    std::copy_n(source, size.row(), padded.data() + radius * channels);
    weighted_rows(taps, kernel, size.row(), field.data() + size.row() * y);
  }
}

std::vector<float> to_floats(const Image& image) { return {image.pixels.begin(), image.pixels.end()}; }

void to_levels(std::span<const float> field, uint8_t* pixels) {
  for (size_t i = 0; i < field.size(); ++i) pixels[i] = level(field[i]);
}

void motion_blur_levels(const uint8_t* pixels, const FieldSize& size, int radius, double sigma, double degrees,
                        uint8_t* out) {
  const int length = 2 * radius + 1;
  const double dx = std::cos(degrees * std::numbers::pi / 180), dy = std::sin(degrees * std::numbers::pi / 180);
  const std::vector<float> weights = gaussian_weights(0, length - 1, sigma);

  const std::vector<float> padded = padded_floats(pixels, size, length, Border::kNearest);
  const auto stride = static_cast<ptrdiff_t>(size.width + 2 * length) * size.channels;
  std::vector<ptrdiff_t> offsets;
  for (int i = 0; i < length; ++i) {
    const auto x = static_cast<ptrdiff_t>(std::ceil(i * dx - 0.5)), y = static_cast<ptrdiff_t>(std::ceil(i * dy - 0.5));
    offsets.push_back((y + length) * stride + (x + length) * size.channels);
  }
  constexpr float kHalfStep = 0.5f / 257;  // ImageMagick rounds to 16 bits, then cuts off to 8
  std::vector<const float*> taps(offsets.size());
  std::vector<float> row(size.row());
  for (int y = 0; y < size.height; ++y) {
    for (size_t k = 0; k < taps.size(); ++k) taps[k] = padded.data() + offsets[k] + stride * y;
    weighted_rows(taps, weights, row.size(), row.data());
    uint8_t* target = out + size.row() * y;
    for (size_t i = 0; i < row.size(); ++i) target[i] = level(row[i] + kHalfStep);
  }
}

namespace {

/// Where the trimmed pixels along one axis of a magnified image come from.
struct ZoomPoint {
  int lower = 0;
  int upper = 0;
  float share = 0;     ///< of the upper one
  bool inside = true;  ///< rounding puts the last point beyond the border; SciPy reads zero there
};

std::vector<ZoomPoint> zoom_axis(int length, double zoom) {
  const int cropped = static_cast<int>(std::ceil(length / zoom));
  const int start = (length - cropped) / 2;
  const int stretched = static_cast<int>(std::nearbyint(cropped * zoom));  // ties to even, as Python's round
  const int trim = (stretched - length) / 2;
  const double step = stretched > 1 ? static_cast<double>(cropped - 1) / (stretched - 1) : 1.0;
  std::vector<ZoomPoint> points;
  for (int i = 0; i < length; ++i) {
    const double at = (trim + i) * step;
    const int lower = std::min(static_cast<int>(at), cropped - 1);
    points.push_back(
        {start + lower, start + std::min(lower + 1, cropped - 1), static_cast<float>(at - lower), at <= cropped - 1});
  }
  return points;
}

template <int kChannels>
void add_stretched_row(const float* row, const std::vector<ZoomPoint>& columns, float* sum) {
  for (const ZoomPoint& column : columns) {
    const float share = column.inside ? column.share : 0.f, scale = column.inside ? 1.f : 0.f;
    const float* left = row + column.lower * kChannels;
    const float* right = row + column.upper * kChannels;
    for (int c = 0; c < kChannels; ++c) *sum++ += scale * left[c] + share * (right[c] - left[c]);
  }
}

}  // namespace

void add_clipped_zoom(std::span<const float> field, const FieldSize& size, double zoom, std::span<float> sum) {
  const std::vector<ZoomPoint> rows = zoom_axis(size.height, zoom), columns = zoom_axis(size.width, zoom);
  const size_t begin = static_cast<size_t>(columns.front().lower) * size.channels;
  const size_t end = static_cast<size_t>(columns.back().upper + 1) * size.channels;
  std::vector<float> row(size.row());
  for (int y = 0; y < size.height; ++y) {
    const ZoomPoint& point = rows[static_cast<size_t>(y)];
    if (!point.inside) continue;
    const float* upper = field.data() + size.row() * point.lower;
    const float* lower = field.data() + size.row() * point.upper;
    for (size_t i = begin; i < end; ++i) row[i] = upper[i] + point.share * (lower[i] - upper[i]);
    float* target = sum.data() + size.row() * y;
    if (size.channels == 1) {
      add_stretched_row<1>(row.data(), columns, target);
    } else {
      add_stretched_row<Image::kChannels>(row.data(), columns, target);
    }
  }
}

}  // namespace assemble::corruptions
