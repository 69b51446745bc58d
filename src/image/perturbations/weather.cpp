// SPDX-License-Identifier: Apache-2.0
#include "channels.h"
#include "corruptions/hsv.h"
#include "perturbations/perturbation.h"

namespace assemble::perturbations {

using corruptions::FieldSize;
using corruptions::level;
using corruptions::like;

namespace {

/// Snowflakes before their motion, as levels.
std::vector<uint8_t> snowflakes(const FieldSize& size, Random& random) {
  constexpr float kMean = 0.05f, kDeviation = 0.3f, kThreshold = 0.5f;
  constexpr double kZoom = 3;
  std::vector<float> noise(size.count()), zoomed(size.count(), 0.f);
  random.fill_normal(noise);
  for (float& value : noise) value = kMean + kDeviation * value;
  corruptions::add_clipped_zoom(noise, size, kZoom, zoomed);
  std::vector<uint8_t> flakes(size.count());
  for (size_t i = 0; i < flakes.size(); ++i) flakes[i] = zoomed[i] < kThreshold ? 0 : level(zoomed[i] * 255);
  return flakes;
}

/// The image whitened, then the layer, and the layer turned by half a turn.
Image snowed(const Image& clean, const std::vector<uint8_t>& layer) {
  constexpr float kClean = 0.85f;
  Image result = like(clean);
  for (size_t i = 0; i < layer.size(); ++i) {
    const uint8_t* pixel = clean.pixels.data() + kChannels * i;
    const float white = 1.5f * (0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]) + 0.5f * 255;
    const auto snow = static_cast<float>(layer[i] + layer[layer.size() - 1 - i]);
    for (int c = 0; c < kChannels; ++c) {
      const float value = pixel[c];
      result.pixels[kChannels * i + c] = level(kClean * value + (1 - kClean) * std::max(value, white) + snow);
    }
  }
  return result;
}

/// Lets the liquid run down: each pixel takes 0.7 of the one two rows above, 0.15 of the one above, 0.1 of its own and
/// 0.05 of the one below.
void run_down(std::vector<double>& liquid, const FieldSize& size) {
  const std::vector<double> before = liquid;
  const auto at = [&](int y, int x) {
    return y < 0 || y >= size.height ? 0.0 : before[static_cast<size_t>(y) * size.width + x];
  };
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      liquid[static_cast<size_t>(y) * size.width + x] =
          0.05 * at(y + 1, x) + 0.1 * at(y, x) + 0.15 * at(y - 1, x) + 0.7 * at(y - 2, x);
    }
  }
}

}  // namespace

Frames snow(Call& call) {
  constexpr int kRadius = 14;
  constexpr double kSigma = 4;
  const Image clean = call.cropped();
  const FieldSize size{clean.height, clean.width, 1};
  const std::vector<uint8_t> flakes = snowflakes(size, call.random);
  std::vector<uint8_t> layer(flakes.size());
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    corruptions::motion_blur_levels(flakes.data(), size, kRadius, kSigma, i * 4 - 150, layer.data());
    frames.push_back(snowed(clean, layer));
  }
  return frames;
}

Frames spatter(Call& call) {
  constexpr float kMean = 0.65f, kDeviation = 0.27f;
  constexpr double kThreshold = 0.69, kStrength = 0.6, kSigma = 3.7, kTruncate = 4;
  constexpr std::array<double, kChannels> kWater{175, 238, 238};
  const Image clean = call.cropped();
  const FieldSize size{clean.height, clean.width, 1};
  std::vector<double> liquid = corruptions::normal_field(size, kMean, kDeviation, call.random);
  corruptions::gaussian_filter(liquid, size, kSigma, kTruncate, corruptions::Border::kNearest);
  for (double& value : liquid) value = value < kThreshold ? 0 : 255 * value;
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    const std::vector<double> amounts = corruptions::water_amounts(liquid, size, kStrength);
    Image frame = like(clean);
    for (size_t p = 0; p < frame.pixels.size(); ++p) {
      frame.pixels[p] = level(clean.pixels[p] + amounts[p / kChannels] * kWater[p % kChannels]);
    }
    frames.push_back(std::move(frame));
    run_down(liquid, size);
  }
  return frames;
}

Frames brightness(Call& call) {
  static const std::vector<corruptions::Brightening> brightenings = [&] {
    std::vector<corruptions::Brightening> result;
    result.reserve(static_cast<size_t>(call.frames));
    for (int i = 0; i < call.frames; ++i) result.emplace_back((i - 15) * 2 / 100.0);
    return result;
  }();
  const Image clean = call.cropped();
  Frames frames;
  for (const corruptions::Brightening& brightening : brightenings) frames.push_back(brightening.apply(clean));
  return frames;
}

}  // namespace assemble::perturbations
