// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "check/look.h"

namespace assemble::check {
namespace {

/// How often each level occurs.
class Histogram {
 public:
  explicit Histogram(int levels) : counts_(static_cast<size_t>(levels)) {}
  void add(int level) { ++counts_[static_cast<size_t>(level)]; }

  /// The smallest level that `share` of all do not exceed.
  int percentile(double share) const {
    int64_t all = 0;
    for (const int64_t count : counts_) all += count;
    const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(all)));
    int64_t seen = 0;
    for (size_t level = 0; level < counts_.size(); ++level) {
      seen += counts_[level];
      if (seen >= wanted) return static_cast<int>(level);
    }
    return 0;
  }

 private:
  std::vector<int64_t> counts_;
};

struct Luma {
  int height, width;
  std::vector<uint8_t> values;
  const uint8_t* row(int y) const { return values.data() + static_cast<size_t>(y) * static_cast<size_t>(width); }
};

/// Sharpness and contrast along (dy, dx).
struct Edges {
  double sharpness;
  int contrast;
};

Edges edges_along(const Luma& luma, int dy, int dx) {
  constexpr int kFar = 8;
  // Levels beside even contrasts would be taken for edges of soft ones.
  constexpr double kLevels = 4;
  Histogram steps(511), contrasts(256);
  const auto each = [&](int reach, auto take) {
    const int first = dx < 0 ? reach : 0, last = luma.width - (dx > 0 ? reach : 0);
    for (int y = 0; y < luma.height - reach * dy; ++y) {
      for (int x = first; x < last; ++x) take(luma.row(y)[x], y, x);
    }
  };
  each(2, [&](int here, int y, int x) {
    const int next = luma.row(y + dy)[x + dx], after = luma.row(y + 2 * dy)[x + 2 * dx];
    steps.add(std::abs(2 * next - here - after));
  });
  each(kFar, [&](int here, int y, int x) { contrasts.add(std::abs(here - luma.row(y + kFar * dy)[x + kFar * dx])); });
  const int contrast = contrasts.percentile(0.99);
  return {steps.percentile(0.99) / (contrast + kLevels), contrast};
}

}  // namespace

Measures measure(const Image& image) {
  Luma luma{image.height, image.width, {}};
  luma.values.reserve(static_cast<size_t>(image.height) * static_cast<size_t>(image.width));
  Histogram levels(256), colours(256);
  std::array<int64_t, Image::kChannels> sums{}, squares{};
  for (size_t i = 0; i < image.pixels.size(); i += Image::kChannels) {
    const uint8_t* pixel = &image.pixels[i];
    const auto [least, most] = std::minmax({pixel[0], pixel[1], pixel[2]});
    colours.add(most - least);
    luma.values.push_back(static_cast<uint8_t>((77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2] + 128) >> 8));
    levels.add(luma.values.back());
    for (size_t c = 0; c < Image::kChannels; ++c) {
      sums[c] += pixel[c];
      squares[c] += int64_t{pixel[c]} * pixel[c];
    }
  }
  Measures measures;
  measures.dark_end = levels.percentile(0.95);
  measures.bright_end = levels.percentile(0.05);
  measures.colour = colours.percentile(0.99);
  const auto count = static_cast<double>(luma.values.size());
  for (size_t c = 0; c < Image::kChannels; ++c) {
    const double mean = static_cast<double>(sums[c]) / count;
    measures.deviation = std::max(measures.deviation, static_cast<double>(squares[c]) / count - mean * mean);
  }
  measures.deviation = std::sqrt(measures.deviation);
  constexpr int kLeastSide = 32;  // of an image that can be called soft
  if (std::min(image.height, image.width) < kLeastSide) return measures;
  measures.sharpness = std::numeric_limits<double>::infinity();
  for (const auto& [dy, dx] : {std::pair(0, 1), {1, 0}, {1, 1}, {1, -1}}) {
    const Edges edges = edges_along(luma, dy, dx);
    if (edges.sharpness >= measures.sharpness) continue;
    measures.sharpness = edges.sharpness;
    measures.contrast = edges.contrast;
  }
  return measures;
}

}  // namespace assemble::check
