// SPDX-License-Identifier: Apache-2.0
#include "perturbations/perturbation.h"

namespace assemble::perturbations {

using corruptions::FieldSize;
using corruptions::level;
using corruptions::like;

namespace {

constexpr int kChannels = Image::kChannels;
constexpr int kLevels = 256;

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
void run_down(std::vector<float>& liquid, const FieldSize& size) {
  const std::vector<float> before = liquid;
  const auto at = [&](int y, int x) {
    return y < 0 || y >= size.height ? 0.f : before[static_cast<size_t>(y) * size.width + x];
  };
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      liquid[static_cast<size_t>(y) * size.width + x] =
          0.05f * at(y + 1, x) + 0.1f * at(y, x) + 0.15f * at(y - 1, x) + 0.7f * at(y - 2, x);
    }
  }
}

/// By maximum and channel of a pixel: the channel once the value (in HSV) is raised.
std::vector<uint8_t> brightness_table(double raise) {
  std::vector<uint8_t> table(size_t{kLevels} * kLevels);
  for (int maximum = 0; maximum < kLevels; ++maximum) {
    const double value = std::clamp(maximum / 255.0 + raise, 0.0, 1.0);
    for (int channel = 0; channel <= maximum; ++channel) {
      const double missing = maximum > 0 ? static_cast<double>(maximum - channel) / maximum : 0.0;
      table[static_cast<size_t>(maximum) * kLevels + channel] = static_cast<uint8_t>(value * (1 - missing) * 255);
    }
  }
  return table;
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
  constexpr float kMean = 0.65f, kDeviation = 0.27f, kThreshold = 0.69f, kStrength = 0.6f;
  constexpr double kSigma = 3.7, kTruncate = 4;
  constexpr std::array<float, kChannels> kWater{175, 238, 238};
  const Image clean = call.cropped();
  const FieldSize size{clean.height, clean.width, 1};
  std::vector<float> liquid(size.count());
  call.random.fill_normal(liquid);
  for (float& value : liquid) value = kMean + kDeviation * value;
  corruptions::gaussian_filter(liquid, size, kSigma, kTruncate, corruptions::Border::kNearest);
  for (float& value : liquid) value = value < kThreshold ? 0.f : 255 * value;
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    const std::vector<float> amounts = corruptions::water_amounts(liquid, size, kStrength);
    Image frame = like(clean);
    for (size_t p = 0; p < frame.pixels.size(); ++p) {
      frame.pixels[p] = level(static_cast<float>(clean.pixels[p]) + amounts[p / kChannels] * kWater[p % kChannels]);
    }
    frames.push_back(std::move(frame));
    run_down(liquid, size);
  }
  return frames;
}

Frames brightness(Call& call) {
  static const std::vector<std::vector<uint8_t>> tables = [&] {
    std::vector<std::vector<uint8_t>> result;
    result.reserve(static_cast<size_t>(call.frames));
    for (int i = 0; i < call.frames; ++i) result.push_back(brightness_table((i - 15) * 2 / 100.0));
    return result;
  }();
  const Image clean = call.cropped();
  Frames frames;
  for (const std::vector<uint8_t>& table : tables) {
    Image frame = like(clean);
    for (size_t i = 0; i < clean.pixels.size(); i += kChannels) {
      const uint8_t* pixel = clean.pixels.data() + i;
      const uint8_t* row = table.data() + size_t{kLevels} * std::max({pixel[0], pixel[1], pixel[2]});
      for (int c = 0; c < kChannels; ++c) frame.pixels[i + c] = row[pixel[c]];
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace assemble::perturbations
