// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "assemble/core/math.h"
#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

using std::numbers::pi;

constexpr double kWhite = 255;

/// 50 … 199 lengths around `radius`, a quarter of it their deviation.
std::vector<double> draw_rays(double radius, double least, Random& random) {
  std::vector<double> rays(50 + random.integer(150));
  for (double& ray : rays) ray = std::max(least, radius + 0.25 * radius * random.normal());
  return rays;
}

/// Of a star at a point, in [0, 1].
double light(const Star& star, int y, int x) {
  const double dy = y - star.y, dx = x - star.x;
  const double turn = (math::atan2(dx, dy) + pi) / (2 * pi) * static_cast<double>(star.rays.size());
  const auto ray = static_cast<size_t>(turn);
  const double between = turn - static_cast<double>(ray);
  const double length = star.rays[ray % star.rays.size()], next = star.rays[(ray + 1) % star.rays.size()];
  const double reach = length + between * (next - length), distance = std::sqrt(dy * dy + dx * dx);
  const double faded = reach * reach / (distance * distance + 1e-4);
  const double glow = star.exponent == 1 ? faded : math::pow(faded, star.exponent);
  return std::clamp((1 - (between - 0.5) * (between - 0.5)) * glow, 0.0, 1.0);
}

}  // namespace

std::vector<Star> draw_stars(const FieldSize& size, Call& call) {
  constexpr int kStars = 5;
  const double radius = call.pick<double>({1, 2, 3, 5, 6}) * 0.1 / 10 * shorter_side(size);
  std::vector<Star> stars(kStars);
  for (Star& star : stars) {
    star.y = call.random.uniform(0, size.height);
    star.x = call.random.uniform(0, size.width);
    star.rays = draw_rays(radius, 1, call.random);
  }
  return stars;
}

Image sparkles(const Image& image, const std::vector<Star>& stars) {
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    std::array<double, Image::kChannels> pixel{};
    std::copy_n(from, Image::kChannels, pixel.begin());
    for (const Star& star : stars) {
      const double share = light(star, y, x);
      // The generator keeps the image in single precision from star to star.
      for (double& value : pixel) {
        const double single = static_cast<float>(value);
        value = single + share * (kWhite - single);
      }
    }
    for (const double value : pixel) *out++ = level(value);
  });
}

Star draw_inverse_star(const FieldSize& size, Call& call) {
  const double amount = 100 - call.pick<double>({1, 2, 4, 9, 10}) * 65 / 10;
  Star star;
  star.y = call.random.uniform(0.25, 0.75) * size.height;
  star.x = call.random.uniform(0.25, 0.75) * size.width;
  star.rays = draw_rays(0.25 * shorter_side(size), -HUGE_VAL, call.random);
  star.exponent = (100 - amount) / 50;
  return star;
}

Image inverse_sparkles(const Image& image, const Star& star) {
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    const double share = light(star, y, x);
    for (int c = 0; c < Image::kChannels; ++c) *out++ = level(kWhite + share * (*from++ - kWhite));
  });
}

Image sparkles(const Image& image, Call& call) { return sparkles(image, draw_stars(size_of(image), call)); }

Image inverse_sparkles(const Image& image, Call& call) {
  return inverse_sparkles(image, draw_inverse_star(size_of(image), call));
}

}  // namespace assemble::corruptions
