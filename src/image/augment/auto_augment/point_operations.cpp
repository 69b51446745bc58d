// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <vector>

#include "augment/auto_augment/operations.h"
#include "channels.h"

namespace assemble::augment {
namespace {

using Table = std::array<uint8_t, 256>;
using Tables = std::array<Table, kChannels>;

template <typename Function>
Table make_table(Function function) {
  Table table;
  for (int value = 0; value < 256; ++value) table[value] = static_cast<uint8_t>(function(value));
  return table;
}

void look_up(Image& image, const Table& table) {
  for (uint8_t& value : image.pixels) value = table[value];
}

void look_up(Image& image, const Tables& tables) {
  uint8_t* pixel = image.pixels.data();
  for (const uint8_t* end = pixel + image.pixels.size(); pixel != end; pixel += kChannels) {
    for (int c = 0; c < kChannels; ++c) pixel[c] = tables[c][pixel[c]];
  }
}

/// Least and largest value of each column, so that the inner loop runs along memory, then of each channel.
struct Extremes {
  explicit Extremes(const Image& image) : low(image.row(0), image.row(1)), high(low) {
    const size_t count = low.size();
    for (int y = 1; y < image.height; ++y) {
      const uint8_t* row = image.row(y);
      for (size_t i = 0; i < count; ++i) {
        low[i] = std::min(low[i], row[i]);
        high[i] = std::max(high[i], row[i]);
      }
    }
    for (size_t i = kChannels; i < count; ++i) {
      low[i % kChannels] = std::min(low[i % kChannels], low[i]);
      high[i % kChannels] = std::max(high[i % kChannels], high[i]);
    }
  }

  std::vector<uint8_t> low;  // the channels' come first
  std::vector<uint8_t> high;
};

using Histogram = std::array<int, 256>;

/// Neighbours in flat areas have the same value: counting even and odd pixels apart keeps one from waiting for the
/// other.
std::array<Histogram, kChannels> count_values(const Image& image) {
  std::array<Histogram, kChannels> even{}, odd{};
  const size_t size = image.pixels.size();
  const uint8_t* pixel = image.pixels.data();
  size_t i = 0;
  for (; i + 2 * kChannels <= size; i += 2 * kChannels) {
    for (int c = 0; c < kChannels; ++c) {
      ++even[c][pixel[i + c]];
      ++odd[c][pixel[i + kChannels + c]];
    }
  }
  for (; i < size; ++i) ++even[i % kChannels][pixel[i]];
  for (int c = 0; c < kChannels; ++c) {
    for (int value = 0; value < 256; ++value) even[c][value] += odd[c][value];
  }
  return even;
}

Table equalizing_table(const Histogram& histogram) {
  int total = 0, last = 0;
  for (const int count : histogram) {
    total += count;
    if (count > 0) last = count;
  }
  const int step = (total - last) / 255;
  if (step == 0) return make_table([](int value) { return value; });
  int below = 0;
  return make_table([&](int value) {
    const int rank = value == 0 ? 0 : (below + step / 2) / step;
    below += histogram[value];
    return std::min(rank, 255);
  });
}

/// The arithmetic is in float as the original's, or in double as Pillow's.
template <typename Real>
void stretch(Image& image) {
  const Extremes extremes(image);
  Tables tables;
  for (int c = 0; c < kChannels; ++c) {
    const Real low = extremes.low[c], high = extremes.high[c];
    const Real scale = high > low ? Real{255} / (high - low) : Real{1};
    const Real offset = high > low ? -low * scale : Real{0};
    tables[c] = make_table(
        [&](int value) { return std::clamp(static_cast<Real>(value) * scale + offset, Real{0}, Real{255}); });
  }
  look_up(image, tables);
}

}  // namespace

void auto_contrast(Image& image) { stretch<float>(image); }
void auto_contrast_double(Image& image) { stretch<double>(image); }

void equalize(Image& image) {
  const std::array<Histogram, kChannels> histograms = count_values(image);
  Tables tables;
  for (int c = 0; c < kChannels; ++c) tables[c] = equalizing_table(histograms[c]);
  look_up(image, tables);
}

void invert(Image& image) { solarize(image, 0); }

void posterize(Image& image, int bits) {
  const uint8_t mask = static_cast<uint8_t>(0xFF << (8 - std::max(bits, 1)));
  for (uint8_t& value : image.pixels) value &= mask;
}

void solarize(Image& image, int threshold) {
  for (uint8_t& value : image.pixels) value = value < threshold ? value : static_cast<uint8_t>(255 - value);
}

void solarize_add(Image& image, int addition) {
  look_up(image, make_table([&](int value) { return value < 128 ? std::min(value + addition, 255) : value; }));
}

void contrast(Image& image, float factor) {
  // The original means the mean gray value, but divides the count of pixels by the number of gray levels.
  const float pixels = static_cast<float>(image.height) * static_cast<float>(image.width);
  const float constant = static_cast<float>(static_cast<int>(std::min(pixels / 256.f, 255.f)));
  look_up(image, make_table([&](int value) { return blend(constant, static_cast<float>(value), factor); }));
}

void brightness(Image& image, float factor) {
  look_up(image, make_table([&](int value) { return blend(0.f, static_cast<float>(value), factor); }));
}

}  // namespace assemble::augment
