// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/resize.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "channels.h"
#include "resize/resize_axis.h"
#include "resize/row_interpolator.h"

namespace assemble {
namespace {

void check_arguments(const Image& image, int height, int width, const Window& crop, size_t output_size) {
  if (height < 1 || width < 1 || image.height < 1 || image.width < 1) {
    throw UsageError("resize", concat("from ", image.width, "×", image.height, " to ", width, "×", height,
                                      ": sizes must be at least 1"));
  }
  if (!crop.lies_in(height, width)) {
    throw UsageError("resize", concat("crop of ", crop.width, "×", crop.height, " at (", crop.x, ", ", crop.y,
                                      ") leaves the target of ", width, "×", height));
  }
  const size_t expected = size_t{kChannels} * crop.height * crop.width;
  if (output_size != expected) {
    throw UsageError("resize", concat("output of ", output_size, " floats, expected ", expected));
  }
}

/// The last two source rows after the horizontal pass.
class RowCache {
 public:
  RowCache(const Image& image, const Axis& columns) : image_(image), interpolate_(columns, image.width) {
    for (Entry& entry : entries_) entry.values.resize(columns.size() * kChannels + RowInterpolator::kRoom);
  }

  /// Both rows of a point; pointers stay valid until the next call.
  std::pair<const float*, const float*> rows(const AxisPoint& point) {
    if (entries_[1].row == point.lower) std::swap(entries_[0], entries_[1]);
    fill(entries_[0], point.lower);
    if (point.upper == point.lower) return {entries_[0].values.data(), entries_[0].values.data()};
    fill(entries_[1], point.upper);
    return {entries_[0].values.data(), entries_[1].values.data()};
  }

 private:
  struct Entry {
    int row = -1;
    std::vector<float> values;
  };

  void fill(Entry& entry, int row) {
    if (entry.row == row) return;
    interpolate_(image_.row(row), entry.values.data());
    entry.row = row;
  }

  const Image& image_;
  RowInterpolator interpolate_;
  Entry entries_[2];
};

}  // namespace

Axis make_axis(int source, int target, int begin, int count, bool mirrored) {
  Axis axis(count);
  const float scale = static_cast<float>(source) / static_cast<float>(target);
  for (int i = 0; i < count; ++i) {
    const float coordinate = static_cast<float>(begin + i) * scale;
    const int lower = std::min(static_cast<int>(coordinate), source - 1);
    const int upper = std::min(lower + 1, source - 1);
    axis[i] = {lower, upper, coordinate - static_cast<float>(lower)};
    if (mirrored) axis[i] = {source - 1 - lower, source - 1 - upper, axis[i].weight};
  }
  return axis;
}

AxisRange range_of(const Axis& axis) {
  AxisRange range{axis.front().lower, 0};
  int last = axis.front().lower;
  for (const AxisPoint& point : axis) {
    range.begin = std::min({range.begin, point.lower, point.upper});
    last = std::max({last, point.lower, point.upper});
  }
  range.count = last - range.begin + 1;
  return range;
}

void move_to_zero(Axis& axis) {
  const int begin = range_of(axis).begin;
  for (AxisPoint& point : axis) {
    point.lower -= begin;
    point.upper -= begin;
  }
}

void reduce_axis(Axis& axis, int reduction, int count) {
  for (AxisPoint& point : axis) {
    const float direction = static_cast<float>(point.upper - point.lower);
    const float coordinate =
        (static_cast<float>(point.lower) + direction * point.weight) / static_cast<float>(reduction);
    const int lower = std::min(static_cast<int>(coordinate), count - 1);
    point = {lower, std::min(lower + 1, count - 1), coordinate - static_cast<float>(lower)};
  }
}

void resize_along(const Image& image, const Axis& rows, const Axis& columns, const std::array<float, 3>& mean,
                  std::span<float> output) {
  RowCache cache(image, columns);
  const size_t count = columns.size() * kChannels;
  std::vector<float> means(count);
  for (size_t i = 0; i < count; ++i) means[i] = mean[i % kChannels];
  float* out = output.data();
  for (const AxisPoint& row : rows) {
    const auto [top, bottom] = cache.rows(row);
    blend_rows(top, bottom, row.weight, means.data(), count, out);
    out += count;
  }
}

void resize_bilinear(const Image& image, int height, int width, std::span<float> output) {
  resize_bilinear_crop(image, height, width, {0, 0, height, width}, false, output);
}

void resize_bilinear_crop(const Image& image, int height, int width, const Window& crop, bool mirrored,
                          std::span<float> output) {
  check_arguments(image, height, width, crop, output.size());
  resize_along(image, make_axis(image.height, height, crop.y, crop.height, false),
               make_axis(image.width, width, crop.x, crop.width, mirrored), {}, output);
}

void resize_bilinear_reference(const Image& image, int height, int width, const Window& crop, bool mirrored,
                               std::span<float> output) {
  check_arguments(image, height, width, crop, output.size());
  const float y_scale = static_cast<float>(image.height) / static_cast<float>(height);
  const float x_scale = static_cast<float>(image.width) / static_cast<float>(width);
  float* out = output.data();
  for (int y = crop.y; y < crop.y + crop.height; ++y) {
    for (int x = crop.x; x < crop.x + crop.width; ++x) {
      for (int c = 0; c < kChannels; ++c) {
        const auto pixel = [&](float row, float column) {
          const int i = std::min(static_cast<int>(row), image.height - 1);
          const int j = std::min(static_cast<int>(column), image.width - 1);
          return static_cast<float>(image.row(i)[(mirrored ? image.width - 1 - j : j) * kChannels + c]);
        };
        const float source_y = static_cast<float>(y) * y_scale;
        const float source_x = static_cast<float>(x) * x_scale;
        const float y0 = std::floor(source_y);
        const float x0 = std::floor(source_x);
        const float top = pixel(y0, x0) + (pixel(y0, x0 + 1) - pixel(y0, x0)) * (source_x - x0);
        const float bottom = pixel(y0 + 1, x0) + (pixel(y0 + 1, x0 + 1) - pixel(y0 + 1, x0)) * (source_x - x0);
        *out++ = top + (bottom - top) * (source_y - y0);
      }
    }
  }
}

}  // namespace assemble
