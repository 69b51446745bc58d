// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "assemble/core/math.h"
#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

using std::numbers::pi;

/// Red, green and blue in [-1, 1].
std::array<double, 3> swirl(double x, double y, const Plasma& plasma) {
  x /= plasma.scale;
  y /= plasma.scale;
  double frequency = 1, slowness = 1, divisor = 1;
  for (int i = 0; i < plasma.iterations; ++i) {
    const double shift = plasma.time / slowness;
    const double along = math::cos(y * frequency + shift) / divisor,
                 across = math::sin(x * frequency + shift) / divisor;
    x += along - across * 0.3;
    y += across + along * 0.3;
    frequency *= 1.93;
    slowness *= 1.15;
    divisor *= 2.25 - plasma.sharpness;
  }
  return {math::sin(x - plasma.time), math::sin((x + y + math::sin(plasma.time)) * 0.5), math::sin(y + plasma.time)};
}

}  // namespace

double floor_modulus(double value, double divisor) {
  const double rest = std::fmod(value, divisor);
  return rest < 0 ? rest + divisor : rest;
}

PlaneWave draw_plane_wave(Call& call) {
  double first = call.random.uniform(-pi, pi);
  double second = call.random.uniform(-std::abs(first), std::abs(first));
  if (call.random.bernoulli(0.5)) std::swap(first, second);
  return {first, second, call.random.uniform(0, 2 * pi), call.pick<double>({1, 1.5, 2, 4.5, 5}) * 196 / 10};
}

Image single_frequency_greyscale(const Image& image, const PlaneWave& wave) {
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    const double noise = wave.intensity * math::sin(x * wave.fx + y * wave.fy + wave.phase);
    for (int c = 0; c < Image::kChannels; ++c) *out++ = level(*from++ + noise);
  });
}

Rings draw_rings(const FieldSize& size, Call& call) {
  Random& random = call.random;
  Rings rings;
  rings.x = random.uniform(0, size.width);
  rings.y = random.uniform(0, size.height);
  rings.frequency = random.uniform(0, 10);
  const double most = shorter_side(size) / 10.0;
  rings.amplitude = random.uniform(0, most);
  rings.width = random.uniform(0x1p-60, most);  // divides: not 0
  rings.intensity = call.pick<double>({3, 5, 8, 9, 10}) * 128 / 10;
  return rings;
}

Image cocentric_sine_waves(const Image& image, const Rings& rings) {
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    const double dx = x - rings.x, dy = y - rings.y;
    const double distance = std::sqrt(dx * dx + dy * dy);
    const double waving = distance + math::sin(math::atan2(dx, dy) * rings.frequency) * rings.amplitude;
    const double noise = rings.intensity * (floor_modulus(waving, rings.width) / rings.width - 0.5);
    for (int c = 0; c < Image::kChannels; ++c) *out++ = level(*from++ + noise);
  });
}

Plasma draw_plasma(const FieldSize& size, Call& call) {
  Random& random = call.random;
  Plasma plasma;
  plasma.time = random.uniform(0, 6 * pi);
  plasma.iterations = 4 + static_cast<int>(random.integer(3));
  plasma.sharpness = random.uniform(0.5, 1);
  plasma.scale = random.uniform(0.075, 0.2) * shorter_side(size);
  plasma.intensity = call.pick<double>({4.75, 7, 8.5, 9.25, 10}) * 64 / 10;
  return plasma;
}

Image plasma_noise(const Image& image, const Plasma& plasma) {
  const double kept = 1 - plasma.intensity / 255;
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    for (const double noise : swirl(x, y, plasma)) *out++ = level(kept * *from++ + plasma.intensity * noise);
  });
}

Image single_frequency_greyscale(const Image& image, Call& call) {
  return single_frequency_greyscale(image, draw_plane_wave(call));
}

Image cocentric_sine_waves(const Image& image, Call& call) {
  return cocentric_sine_waves(image, draw_rings(size_of(image), call));
}

Image plasma_noise(const Image& image, Call& call) { return plasma_noise(image, draw_plasma(size_of(image), call)); }

}  // namespace assemble::corruptions
