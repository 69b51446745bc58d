// SPDX-License-Identifier: Apache-2.0
#include "corruptions/hsv.h"

#include <array>
#include <cmath>

#include "channels.h"
#include "corruptions/corruption.h"

namespace assemble::corruptions {
namespace {

constexpr int kLevels = 256;
constexpr int16_t kUndecided = -1;

constexpr std::array<double, kLevels> kShares = [] {
  std::array<double, kLevels> shares{};
  for (int level = 0; level < kLevels; ++level) shares[static_cast<size_t>(level)] = level / 255.0;
  return shares;
}();

double raised(double value, double raise) { return std::clamp(value + raise, 0.0, 1.0); }

}  // namespace

Hsv to_hsv(const uint8_t* rgb) {
  const double red = kShares[rgb[0]], green = kShares[rgb[1]], blue = kShares[rgb[2]];
  const double value = std::max({red, green, blue}), chroma = value - std::min({red, green, blue});
  if (chroma == 0) return {0, 0, value};
  double sector = 0;  // where two channels are largest the later one counts
  if (blue == value) {
    sector = 4 + (red - green) / chroma;
  } else if (green == value) {
    sector = 2 + (blue - red) / chroma;
  } else {
    sector = (green - blue) / chroma;
  }
  const double turn = sector / 6;
  return {turn < 0 ? turn + 1 : turn, chroma / value, value};
}

void to_rgb(const Hsv& hsv, uint8_t* rgb) {
  const double at = hsv.hue * 6;
  const int sector = static_cast<int>(at);
  const double share = at - sector;
  const auto scaled = [&](double factor) { return level(hsv.value * factor * 255); };
  const uint8_t most = level(hsv.value * 255), least = scaled(1 - hsv.saturation);
  const uint8_t middle = scaled(sector % 2 == 0 ? 1 - (1 - share) * hsv.saturation : 1 - share * hsv.saturation);
  switch (sector % 6) {
    case 0:
      rgb[0] = most, rgb[1] = middle, rgb[2] = least;
      break;
    case 1:
      rgb[0] = middle, rgb[1] = most, rgb[2] = least;
      break;
    case 2:
      rgb[0] = least, rgb[1] = most, rgb[2] = middle;
      break;
    case 3:
      rgb[0] = least, rgb[1] = middle, rgb[2] = most;
      break;
    case 4:
      rgb[0] = middle, rgb[1] = least, rgb[2] = most;
      break;
    default:
      rgb[0] = most, rgb[1] = least, rgb[2] = middle;
      break;
  }
}

Brightening::Brightening(double raise) : raise_(raise), levels_(size_t{kLevels} * kLevels, 0) {
  constexpr double kMargin = 1e-9;  // far above the rounding of either formula
  for (int maximum = 0; maximum < kLevels; ++maximum) {
    const double value = raised(kShares[static_cast<size_t>(maximum)], raise) * 255;
    int16_t* row = levels_.data() + static_cast<ptrdiff_t>(maximum) * kLevels;
    for (int channel = 0; channel < maximum; ++channel) {
      const double exact = value * channel / maximum;
      const bool decided = channel == 0 || std::abs(exact - std::round(exact)) > kMargin;
      row[channel] = decided ? static_cast<int16_t>(exact) : kUndecided;
    }
    row[maximum] = static_cast<int16_t>(value);
  }
}

Image Brightening::apply(const Image& image) const {
  Image result = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    const uint8_t* pixel = image.pixels.data() + i;
    uint8_t* out = result.pixels.data() + i;
    const int16_t* row = levels_.data() + size_t{kLevels} * std::max({pixel[0], pixel[1], pixel[2]});
    const int16_t red = row[pixel[0]], green = row[pixel[1]], blue = row[pixel[2]];
    if ((red | green | blue) < 0) {
      Hsv hsv = to_hsv(pixel);
      hsv.value = raised(hsv.value, raise_);
      to_rgb(hsv, out);
    } else {
      out[0] = static_cast<uint8_t>(red), out[1] = static_cast<uint8_t>(green), out[2] = static_cast<uint8_t>(blue);
    }
  }
  return result;
}

}  // namespace assemble::corruptions
