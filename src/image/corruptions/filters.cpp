// SPDX-License-Identifier: Apache-2.0
#include "corruptions/filters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "assemble/core/math.h"
#include "corruptions/corruption.h"
#include "made_size.h"

namespace assemble::corruptions {
namespace {

/// As NumPy adds up to 128 doubles: rounding decides whether the sum of a kernel is above or below one.
double numpy_sum(std::span<const double> values) {
  constexpr size_t kSums = 8;
  std::array<double, kSums> sums{};
  const size_t whole = values.size() / kSums * kSums;
  for (size_t i = 0; i < whole; ++i) sums[i % kSums] += values[i];
  double total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (size_t i = whole; i < values.size(); ++i) total += values[i];
  return total;
}

/// A Gaussian at first … last, of sum 1.
std::vector<double> gaussian_weights(int first, int last, double sigma) {
  std::vector<double> weights;
  for (int i = first; i <= last; ++i) {
    weights.push_back(math::exp(-0.5 / (sigma * sigma) * (i * i)));
  }
  const double sum = numpy_sum(weights);
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::vector<double> gaussian_kernel(double sigma, double truncate) {
  const int radius = static_cast<int>(truncate * sigma + 0.5);
  return gaussian_weights(-radius, radius, sigma);
}

template <typename Value>
void cut_off(std::span<const Value> field, uint8_t* pixels) {
  for (size_t i = 0; i < field.size(); ++i) pixels[i] = level(field[i]);
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

std::vector<double> padded_levels(const uint8_t* pixels, const FieldSize& size, int pad, Border border, double scale) {
  check_made_size(int64_t{size.height} + 2 * pad, int64_t{size.width} + 2 * pad, "blur");
  const int channels = size.channels;
  const size_t stride = static_cast<size_t>(size.width + 2 * pad) * channels;
  std::vector<double> padded(stride * static_cast<size_t>(size.height + 2 * pad));
  for (int y = 0; y < size.height + 2 * pad; ++y) {
    const uint8_t* source = pixels + size.row() * border_index(y - pad, size.height, border);
    double* row = padded.data() + stride * static_cast<size_t>(y);
    for (int x = 0; x < pad; ++x) {
      const uint8_t* left = source + border_index(x - pad, size.width, border) * channels;
      const uint8_t* right = source + border_index(size.width + x, size.width, border) * channels;
      std::copy_n(left, channels, row + x * channels);
      std::copy_n(right, channels, row + (pad + size.width + x) * channels);
    }
    std::copy_n(source, size.row(), row + pad * channels);
  }
  if (scale != 1) {
    for (double& value : padded) value *= scale;
  }
  return padded;
}

namespace {

/// @param take given each row of the result in turn, and its number
template <typename Take>
void filter_rows(std::span<const double> field, const FieldSize& size, double sigma, double truncate, Border border,
                 Take&& take) {
  const std::vector<double> kernel = gaussian_kernel(sigma, truncate);
  const int radius = static_cast<int>(kernel.size() / 2), channels = size.channels;
  const size_t pad = static_cast<size_t>(radius) * channels;
  std::vector<const double*> rows(kernel.size()), columns(kernel.size());
  std::vector<double> padded(size.row() + 2 * pad), row(size.row());
  double* down = padded.data() + pad;
  for (size_t k = 0; k < columns.size(); ++k) columns[k] = padded.data() + k * channels;
  for (int y = 0; y < size.height; ++y) {
    for (int k = -radius; k <= radius; ++k) {
      rows[static_cast<size_t>(k + radius)] = field.data() + size.row() * border_index(y + k, size.height, border);
    }
    mirrored_rows(rows, kernel, size.row(), down);
    for (int x = 0; x < radius; ++x) {
      std::copy_n(down + border_index(x - radius, size.width, border) * channels, channels,
                  padded.data() + x * channels);
      std::copy_n(down + border_index(size.width + x, size.width, border) * channels, channels,
                  down + (size.width + x) * channels);
    }
    mirrored_rows(columns, kernel, size.row(), row.data());
    take(y, row);
  }
}

}  // namespace

void gaussian_filter(std::vector<double>& field, const FieldSize& size, double sigma, double truncate, Border border) {
  std::vector<double> result(field.size());
  filter_rows(field, size, sigma, truncate, border, [&](int y, const std::vector<double>& row) {
    std::copy(row.begin(), row.end(), result.begin() + static_cast<ptrdiff_t>(size.row()) * y);
  });
  field = std::move(result);
}

Image gaussian_blurred(const Image& image, double sigma, double truncate) {
  std::vector<double> shares(image.pixels.begin(), image.pixels.end());
  for (double& share : shares) share /= 255;
  Image result = like(image);
  const FieldSize size{image.height, image.width, Image::kChannels};
  filter_rows(shares, size, sigma, truncate, Border::kNearest, [&](int y, std::vector<double>& row) {
    for (double& share : row) share *= 255;
    to_levels(row, result.row(y));
  });
  return result;
}

std::vector<float> to_shares(const Image& image) {
  std::vector<float> shares(image.pixels.begin(), image.pixels.end());
  for (float& share : shares) share /= 255;
  return shares;
}

std::vector<double> normal_field(const FieldSize& size, float mean, float deviation, Random& random) {
  std::vector<float> field(size.count());
  random.fill_normal(field);
  for (float& value : field) value = mean + deviation * value;
  return {field.begin(), field.end()};
}

void to_levels(std::span<const float> field, uint8_t* pixels) { cut_off(field, pixels); }
void to_levels(std::span<const double> field, uint8_t* pixels) { cut_off(field, pixels); }

void motion_blur_levels(const uint8_t* pixels, const FieldSize& size, int radius, double sigma, double degrees,
                        uint8_t* out) {
  const int length = 2 * radius + 1;
  const double dx = math::cos(degrees * std::numbers::pi / 180), dy = math::sin(degrees * std::numbers::pi / 180);
  const std::vector<double> weights = gaussian_weights(0, length - 1, sigma);

  constexpr double kSteps = 257;  // of 16 bits in one of 8
  const std::vector<double> padded = padded_levels(pixels, size, length, Border::kNearest, kSteps);
  const auto stride = static_cast<ptrdiff_t>(size.width + 2 * length) * size.channels;
  std::vector<ptrdiff_t> offsets;
  for (int i = 0; i < length; ++i) {
    const auto x = static_cast<ptrdiff_t>(std::ceil(i * dx - 0.5)), y = static_cast<ptrdiff_t>(std::ceil(i * dy - 0.5));
    offsets.push_back((y + length) * stride + (x + length) * size.channels);
  }
  std::vector<const double*> taps(offsets.size());
  std::vector<double> row(size.row());
  for (int y = 0; y < size.height; ++y) {
    for (size_t k = 0; k < taps.size(); ++k) taps[k] = padded.data() + offsets[k] + stride * y;
    weighted_rows(taps, weights, row.size(), row.data());
    uint8_t* target = out + size.row() * y;
    for (size_t i = 0; i < row.size(); ++i) target[i] = level(std::floor(row[i] + 0.5) / kSteps);
  }
}

namespace {

/// Where the trimmed pixels along one axis of a magnified image come from.
struct ZoomPoint {
  int lower = 0;
  int upper = 0;
  double lower_share = 0;
  double upper_share = 0;
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
    const double lower_share = 1 - (at - lower);
    points.push_back(
        {start + lower, start + std::min(lower + 1, cropped - 1), lower_share, 1 - lower_share, at <= cropped - 1});
  }
  return points;
}

/// @param upper, lower rows times their shares
template <int kChannels>
void add_stretched_row(const double* upper, const double* lower, const std::vector<ZoomPoint>& columns, float* sum) {
  for (const ZoomPoint& column : columns) {
    const int left = column.lower * kChannels, right = column.upper * kChannels;
    for (int c = 0; c < kChannels; ++c, ++sum) {
      if (!column.inside) continue;
      // SciPy's order.
      *sum += static_cast<float>(upper[left + c] * column.lower_share + upper[right + c] * column.upper_share +
                                 lower[left + c] * column.lower_share + lower[right + c] * column.upper_share);
    }
  }
}

}  // namespace

void add_clipped_zoom(std::span<const float> field, const FieldSize& size, double zoom, std::span<float> sum) {
  const std::vector<ZoomPoint> rows = zoom_axis(size.height, zoom), columns = zoom_axis(size.width, zoom);
  const size_t begin = static_cast<size_t>(columns.front().lower) * size.channels;
  const size_t end = static_cast<size_t>(columns.back().upper + 1) * size.channels;
  std::vector<double> upper(size.row()), lower(size.row());
  for (int y = 0; y < size.height; ++y) {
    const ZoomPoint& point = rows[static_cast<size_t>(y)];
    if (!point.inside) continue;
    const float* above = field.data() + size.row() * point.lower;
    const float* below = field.data() + size.row() * point.upper;
    for (size_t i = begin; i < end; ++i) {
      upper[i] = point.lower_share * above[i];
      lower[i] = point.upper_share * below[i];
    }
    float* target = sum.data() + size.row() * y;
    if (size.channels == 1) {
      add_stretched_row<1>(upper.data(), lower.data(), columns, target);
    } else {
      add_stretched_row<Image::kChannels>(upper.data(), lower.data(), columns, target);
    }
  }
}

}  // namespace assemble::corruptions
