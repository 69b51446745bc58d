// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "channels.h"
#include "corruptions/corruption.h"
#include "corruptions/filters.h"

namespace assemble::corruptions {
namespace {

constexpr std::array<double, kCorruptionSeverities> kPixelScales{0.6, 0.5, 0.4, 0.3, 0.25};

int pixelated(int side, int severity) {
  return static_cast<int>(side * kPixelScales[static_cast<size_t>(severity - 1)]);
}

/// The source pixels that PIL's box filter averages for one target pixel, all with the same weight.
struct Run {
  int first = 0;
  int count = 0;
};

std::vector<Run> box_runs(int source, int target) {
  const double scale = static_cast<double>(source) / target, reach = 0.5 * scale;
  std::vector<Run> runs;
  for (int i = 0; i < target; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(std::floor(centre - reach + 0.5)), 0);
    runs.push_back({first, std::min(static_cast<int>(std::floor(centre + reach + 0.5)), source) - first});
  }
  return runs;
}

/// Mean of `count` summed bytes, in PIL's fixed point.
uint8_t mean_of(uint32_t sum, int count) {
  constexpr int kBits = 22;
  const auto weight = static_cast<uint32_t>(std::floor(0.5 + (1.0 / count) * (1 << kBits)));
  return static_cast<uint8_t>(std::min<uint32_t>((sum * weight + (1u << (kBits - 1))) >> kBits, 255));
}

Image shrink(const Image& image, int height, int width) {
  const std::vector<Run> rows = box_runs(image.height, height), columns = box_runs(image.width, width);
  Image narrow = Image::create(image.height, width);
  for (int y = 0; y < image.height; ++y) {
    uint8_t* out = narrow.row(y);
    for (const Run& run : columns) {
      const uint8_t* pixel = image.row(y) + run.first * kChannels;
      uint32_t red = 0, green = 0, blue = 0;
      for (int i = 0; i < run.count; ++i, pixel += kChannels) {
        red += pixel[0];
        green += pixel[1];
        blue += pixel[2];
      }
      *out++ = mean_of(red, run.count);
      *out++ = mean_of(green, run.count);
      *out++ = mean_of(blue, run.count);
    }
  }
  Image small = Image::create(height, width);
  std::vector<uint32_t> sums(static_cast<size_t>(width) * kChannels);
  for (int y = 0; y < height; ++y) {
    const Run& run = rows[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0);
    for (int j = 0; j < run.count; ++j) {
      const uint8_t* from = narrow.row(run.first + j);
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += from[i];
    }
    for (size_t i = 0; i < sums.size(); ++i) small.row(y)[i] = mean_of(sums[i], run.count);
  }
  return small;
}

int nearest_source(int index, int source, int target) {
  return static_cast<int>((index + 0.5) * (static_cast<double>(source) / target));
}

/// A random displacement field: uniform in [-1, 1), smoothed, scaled.
std::vector<double> displacement(const FieldSize& size, double sigma, double scale, Random& random) {
  std::vector<float> uniform(size.count());
  random.fill_uniform(uniform);
  std::vector<double> field(uniform.begin(), uniform.end());
  for (double& value : field) value = 2 * value - 1;
  constexpr double kTruncate = 3;
  gaussian_filter(field, size, sigma, kTruncate, Border::kReflect);
  for (double& value : field) value *= scale;
  return field;
}

/// Three points moved at random by up to `reach` pixels along each axis give the affine map.
cv::Mat random_affine(const Image& image, double reach, Random& random) {
  const int middle_x = image.width / 2, middle_y = image.height / 2, third = std::min(image.height, image.width) / 3;
  const auto x = static_cast<float>(middle_x), y = static_cast<float>(middle_y), square = static_cast<float>(third);
  const std::array<cv::Point2f, 3> from{cv::Point2f(x + square, y + square), cv::Point2f(x + square, y - square),
                                        cv::Point2f(x - square, y - square)};
  std::array<cv::Point2f, 3> to = from;
  for (cv::Point2f& point : to) {
    point.x += static_cast<float>(random.uniform(-reach, reach));
    point.y += static_cast<float>(random.uniform(-reach, reach));
  }
  return cv::getAffineTransform(from.data(), to.data());
}

}  // namespace

int smallest_pixelated(int severity) {
  int side = 1;
  while (pixelated(side, severity) < 1) ++side;
  return side;
}

Image pixelate(const Image& image, Call& call) {
  const Image small = shrink(image, pixelated(image.height, call.severity), pixelated(image.width, call.severity));
  std::vector<int> columns;
  columns.reserve(static_cast<size_t>(image.width));
  for (int x = 0; x < image.width; ++x) columns.push_back(nearest_source(x, small.width, image.width) * kChannels);
  Image result = like(image);
  for (int y = 0, above = -1; y < image.height; ++y) {
    const int source = nearest_source(y, small.height, image.height);
    uint8_t* out = result.row(y);
    if (source == above) {
      std::copy_n(result.row(y - 1), columns.size() * kChannels, out);
      continue;
    }
    above = source;
    const uint8_t* from = small.row(source);
    for (const int column : columns) {
      for (int c = 0; c < kChannels; ++c) *out++ = from[column + c];
    }
  }
  return result;
}

Image jpeg_compression(const Image& image, Call& call) {
  return decode_image(encode_jpeg(image, call.pick<int>({25, 18, 15, 10, 7})), "jpeg_compression");
}

Image elastic_transform(const Image& image, Call& call) {
  struct Parameters {
    double scale;
    double sigma;
    double affine;
  };
  const auto [scale, sigma, affine] = call.pick<Parameters>(
      {{{2, 0.7, 0.1}, {2, 0.08, 0.2}, {0.05, 0.01, 0.02}, {0.07, 0.01, 0.02}, {0.12, 0.01, 0.02}}});
  // The generator has 244 where it means its side of 224.
  const double side = std::min(image.height, image.width) * (244.0 / 224.0);
  cv::Mat source, warped;
  cv::Mat(image.height, image.width, CV_8UC3, const_cast<uint8_t*>(image.pixels.data())).convertTo(source, CV_32FC3);
  cv::warpAffine(source, warped, random_affine(image, side * affine, call.random), source.size(), cv::INTER_LINEAR,
                 cv::BORDER_REFLECT_101);
  const FieldSize size{image.height, image.width, 1};
  const std::vector<double> dx = displacement(size, side * sigma, side * scale, call.random);
  const std::vector<double> dy = displacement(size, side * sigma, side * scale, call.random);
  Image result = like(image);
  size_t i = 0;
  for (int y = 0; y < image.height; ++y) {
    uint8_t* out = result.row(y);
    for (int x = 0; x < image.width; ++x, ++i) {
      const float at_y = static_cast<float>(y) + static_cast<float>(dy[i]);
      const float at_x = static_cast<float>(x) + static_cast<float>(dx[i]);
      const float floor_y = std::floor(at_y), floor_x = std::floor(at_x);
      const int top = static_cast<int>(floor_y), left = static_cast<int>(floor_x);
      const float down = at_y - floor_y, right = at_x - floor_x;
      const auto* upper = warped.ptr<float>(border_index(top, image.height, Border::kReflect));
      const auto* lower = warped.ptr<float>(border_index(top + 1, image.height, Border::kReflect));
      const int a = border_index(left, image.width, Border::kReflect) * kChannels;
      const int b = border_index(left + 1, image.width, Border::kReflect) * kChannels;
      for (int c = 0; c < kChannels; ++c) {
        const float above = upper[a + c] + right * (upper[b + c] - upper[a + c]);
        const float below = lower[a + c] + right * (lower[b + c] - lower[a + c]);
        *out++ = level(above + down * (below - above));
      }
    }
  }
  return result;
}

}  // namespace assemble::corruptions
