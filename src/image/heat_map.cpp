// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using Rgb = std::array<double, Image::kChannels>;

/// Matplotlib's "inferno" (van der Walt & Smith, CC0) in nine steps: lightness grows evenly, also in gray and for those
/// who cannot tell red from green.
constexpr std::array<Rgb, 9> kInferno{{{0, 0, 4},
                                       {33, 12, 74},
                                       {87, 16, 110},
                                       {138, 34, 106},
                                       {188, 55, 84},
                                       {228, 90, 49},
                                       {249, 142, 9},
                                       {249, 203, 53},
                                       {252, 255, 164}}};
constexpr double kPale = 0.6;     ///< share of gray in the image below
constexpr double kOpaque = 0.8;   ///< of the map at its largest value
constexpr double kOutside = 0.3;  ///< of the brightness inside
constexpr double kFrameShare = 1.0 / 250;

Rgb colour_of(double value) {
  const double place = std::clamp(value, 0.0, 1.0) * (kInferno.size() - 1);
  const auto below = std::min(static_cast<size_t>(place), kInferno.size() - 2);
  const double share = place - static_cast<double>(below);
  Rgb colour;
  for (size_t c = 0; c < colour.size(); ++c) {
    colour[c] = (1 - share) * kInferno[below][c] + share * kInferno[below + 1][c];
  }
  return colour;
}

/// Between the centres of the grid's cells; at its border the outermost cells go on.
class Grid {
 public:
  explicit Grid(const HeatMap& map) : map_(map), largest_(std::ranges::max(map.values)) {}

  /// @param y, x in [0, 1] over the view
  double at(double y, double x) const {
    if (!(largest_ > 0)) return 0;
    const auto [top, down] = cell(y, map_.height);
    const auto [left, right] = cell(x, map_.width);
    const double upper = mix(value(top, left), value(top, left + 1), right);
    const double lower = mix(value(top + 1, left), value(top + 1, left + 1), right);
    return mix(upper, lower, down) / largest_;
  }

 private:
  static double mix(double a, double b, double share) { return a + share * (b - a); }
  static std::pair<int64_t, double> cell(double place, int64_t cells) {
    const double centre = std::clamp(place * static_cast<double>(cells) - 0.5, 0.0, static_cast<double>(cells - 1));
    const auto first = static_cast<int64_t>(centre);
    return {first, centre - static_cast<double>(first)};
  }
  double value(int64_t row, int64_t column) const {
    const int64_t y = std::min(row, map_.height - 1), x = std::min(column, map_.width - 1);
    return map_.values[static_cast<size_t>(y * map_.width + x)];
  }

  const HeatMap& map_;
  double largest_;
};

/// How far a place is from the border of the view, in pixels; below 0 outside.
double depth(double y, double x, const EvaluationView& view) {
  return std::min({y - view.y, view.y + view.height - y, x - view.x, view.x + view.width - x});
}

void paint(uint8_t* pixel, double value, double brightness) {
  const double gray = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
  const Rgb colour = colour_of(value);
  const double cover = kOpaque * std::sqrt(value);
  for (size_t c = 0; c < colour.size(); ++c) {
    const double below = (kPale * gray + (1 - kPale) * pixel[c]) * brightness;
    pixel[c] = static_cast<uint8_t>(std::lround((1 - cover) * below + cover * colour[c]));
  }
}

}  // namespace

Image draw_heat_map(const Image& image, const HeatMap& map) {
  const auto places = static_cast<size_t>(map.height) * static_cast<size_t>(map.width);
  if (map.height < 1 || map.width < 1 || map.values.size() != places) {
    throw UsageError("heat map", concat("holds ", map.values.size(), " values, expected ", map.height, "×", map.width));
  }
  const Grid grid(map);
  const double frame = std::max(1.0, kFrameShare * std::max(image.height, image.width));
  const EvaluationView& view = map.view;
  Image drawn = image;
  for (int row = 0; row < drawn.height; ++row) {
    for (int column = 0; column < drawn.width; ++column) {
      const double y = row + 0.5, x = column + 0.5, inside = depth(y, x, view);
      uint8_t* pixel = drawn.row(row) + size_t{Image::kChannels} * static_cast<size_t>(column);
      if (inside >= 0) {
        paint(pixel, grid.at((y - view.y) / view.height, (x - view.x) / view.width), 1);
      } else if (inside >= -frame) {
        std::fill_n(pixel, Image::kChannels, uint8_t{255});
      } else {
        paint(pixel, 0, kOutside);
      }
    }
  }
  return drawn;
}

}  // namespace assemble
