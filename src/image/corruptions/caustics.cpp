// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "assemble/core/math.h"
#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

constexpr double kRefractiveIndex = 4;

/// Brightness of the light on the ground at a point, in [0, 1].
double caustic(double y, double x, const Ripples& ripples) {
  const auto wrapped = [&](double at) { return floor_modulus(at / ripples.size, 1) * 6.28318530718 - 250; };
  constexpr double kThickness = 0.005;
  const double v = wrapped(y), u = wrapped(x);
  double a = v, b = u, sum = 1;
  for (int i = 0; i < 5; ++i) {
    const double time = ripples.time * (1 - 3.5 / (i + 1));
    const double next = v + (math::cos(time - a) + math::sin(time + b));
    b = u + (math::sin(time - b) + math::cos(time + a));
    a = next;
    const double down = v / (math::sin(a + time) / kThickness), across = u / (math::cos(b + time) / kThickness);
    sum += 1 / std::sqrt(down * down + across * across);
  }
  const double value = std::abs(1.17 - math::pow(sum / 5, 1.4));
  return std::clamp(math::pow(value, 8.0), 0.0, 1.0);
}

std::vector<double> caustics(const FieldSize& size, const Ripples& ripples) {
  std::vector<double> light(size.count());
  size_t i = 0;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) light[i++] = caustic(y, x, ripples);
  }
  constexpr double kTruncate = 4;
  gaussian_filter(light, size, 1, kTruncate, Border::kReflect);
  return light;
}

/// A number of the generator, with its precision: pixels are in single until one from beyond the border, which NumPy
/// takes for a double, joins them. Levels are cut off, so precision decides about whole ones.
struct Number {
  double value = 0;
  bool single = true;

  Number operator*(double factor) const {
    return single ? Number{static_cast<float>(value) * static_cast<float>(factor)} : Number{value * factor, false};
  }
  Number operator+(Number other) const {
    return single && other.single ? Number{static_cast<float>(value) + static_cast<float>(other.value)}
                                  : Number{value + other.value, false};
  }
  Number operator+(double other) const { return *this + Number{single ? static_cast<float>(other) : other, single}; }
};

Number pixel_at(const Image& image, int y, int x, int channel) {
  if (y < 0 || y >= image.height || x < 0 || x >= image.width) return {0, false};
  return {static_cast<float>(image.row(y)[x * Image::kChannels + channel]) / 255.f};
}

Number interpolated(const Image& image, double y, double x, int channel) {
  const int top = static_cast<int>(std::floor(y)), left = static_cast<int>(std::floor(x));
  const auto across = [&](int row) {
    return pixel_at(image, row, left, channel) * (1 - x + left) +
           pixel_at(image, row, left + 1, channel) * (1.0 - (left + 1) + x);
  };
  return across(top) * (1 - y + top) + across(top + 1) * (1.0 - (top + 1) + y);
}

/// Slope of the water at a pixel.
struct Slope {
  double down = 0;
  double across = 0;
};

Slope slope_at(const std::vector<double>& light, const FieldSize& size, int y, int x) {
  const auto luma = [&](int row, int column) {
    if (row < 0 || row >= size.height || column < 0 || column >= size.width) return 0.0;
    const double value = light[static_cast<size_t>(row) * size.row() + static_cast<size_t>(column)];
    return value * 0.2126 + value * 0.7152 + value * 0.0722;
  };
  return {luma(y + 1, x) - luma(y - 1, x), luma(y, x + 1) - luma(y, x - 1)};
}

/// How far a vertical ray is bent by a surface of this slope, as a share of the depth; nothing where it is all but
/// flat. By Snell's law: along the normal by cos β - cos α / n, with sin α = n · sin β.
Slope bent(const Slope& slope) {
  const double length = std::sqrt(slope.down * slope.down + slope.across * slope.across + 1);
  const double cosine = 1 / length;
  if (cosine >= 1 - 1e-3) return {};
  const double down = slope.down / length, across = slope.across / length;
  const double sine = std::sqrt(down * down + across * across) / kRefractiveIndex;
  const double along = std::sqrt(1 - sine * sine) - cosine / kRefractiveIndex;
  return {down * along, across * along};
}

double to_thousandths(double value) { return std::nearbyint(value * 1000) / 1000; }

}  // namespace

Ripples draw_ripples(const FieldSize& size, Call& call) {
  const double strength = call.pick<double>({2.35, 3.2, 4.9, 6.6, 9.15});
  const int side = shorter_side(size);
  const double time = call.random.uniform(0.5, 2);
  return {time, call.random.uniform(0.75, 1.25) * side, strength * (0.5 * side) / 10, strength * 2 / 10};
}

Image caustic_refraction(const Image& image, const Ripples& ripples) {
  const FieldSize size = size_of(image);
  const std::vector<double> light = caustics(size, ripples);
  return changed(image, [&](int y, int x, const uint8_t*, uint8_t* out) {
    const Slope slope = slope_at(light, size, y, x), bend = bent(slope);
    const double from_y = y + to_thousandths(bend.down * ripples.lens_scale);
    const double from_x = x + to_thousandths(bend.across * ripples.lens_scale);
    for (int c = 0; c < Image::kChannels; ++c) {
      const Number lit =
          interpolated(image, from_y, from_x, c) + -slope.across * ripples.lighting + slope.down * ripples.lighting;
      *out++ = level(std::clamp(lit.value, 0.0, 1.0) * 255);
    }
  });
}

Image caustic_refraction(const Image& image, Call& call) {
  return caustic_refraction(image, draw_ripples(size_of(image), call));
}

}  // namespace assemble::corruptions
