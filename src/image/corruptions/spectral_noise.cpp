// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <complex>
#include <numbers>
#include <opencv2/core.hpp>

#include "assemble/core/math.h"
#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

double blue(double squared_frequency) { return std::sqrt(squared_frequency); }

double brownish(double squared_frequency) { return 1 / (squared_frequency + 1); }

/// Of every frequency: given for the left half, the same for those opposite to it. Where the width is odd, the middle
/// column comes last, its lower half opposite to the upper one, 0 between them.
double phase_at(const FieldSize& size, std::span<const double> phases, int y, int x) {
  const int half = size.width / 2;
  if (size.width % 2 == 1 && x == half) {
    if (size.height % 2 == 1 && y == size.height / 2) return 0;
    return phases[static_cast<size_t>(size.height) * half + static_cast<size_t>(std::min(y, size.height - 1 - y))];
  }
  const bool opposite = x >= half;
  const int row = opposite ? size.height - 1 - y : y, column = opposite ? size.width - 1 - x : x;
  return phases[static_cast<size_t>(row) * half + static_cast<size_t>(column)];
}

void normalise(std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  for (double& value : values) value /= deviation;
}

/// @param amplitude of a squared frequency, in cycles along the shorter side
std::vector<double> spectral_noise(const FieldSize& size, std::span<const double> phases, double (*amplitude)(double)) {
  cv::Mat spectrum(size.height, size.width, CV_64FC2), noise;
  const double side = shorter_side(size);
  for (int y = 0; y < size.height; ++y) {
    auto* row = spectrum.ptr<std::complex<double>>((y + size.height / 2) % size.height);
    const double fy = (y - size.height / 2.0) * side / size.height;
    for (int x = 0; x < size.width; ++x) {
      const double fx = (x - size.width / 2.0) * side / size.width, phase = phase_at(size, phases, y, x);
      const double strength = amplitude(fx * fx + fy * fy);
      row[(x + size.width / 2) % size.width] = {strength * math::cos(phase), strength * math::sin(phase)};
    }
  }
  cv::dft(spectrum, noise, cv::DFT_INVERSE);
  std::vector<double> values(size.count());
  for (size_t i = 0; i < values.size(); ++i) values[i] = noise.ptr<std::complex<double>>()[i].real();
  normalise(values);
  return values;
}

}  // namespace

size_t phase_count(const FieldSize& size) {
  const size_t middle = size.width % 2 == 1 ? static_cast<size_t>(size.height / 2) : 0;
  return static_cast<size_t>(size.height) * static_cast<size_t>(size.width / 2) + middle;
}

std::vector<double> draw_phases(size_t count, Call& call) {
  std::vector<float> uniform(count);
  call.random.fill_uniform(uniform);
  std::vector<double> phases(uniform.begin(), uniform.end());
  for (double& phase : phases) phase *= 2 * std::numbers::pi;
  return phases;
}

double blue_noise_threshold(const Call& call) { return call.pick<double>({0.8, 1.6, 2.4, 4, 5.6}) * 3 / 10 - 2.5; }

Image blue_noise_sample(const Image& image, std::span<const double> phases, double threshold) {
  const std::vector<double> noise = spectral_noise(size_of(image), phases, blue);
  Image result = like(image);
  for (size_t i = 0; i < noise.size(); ++i) {
    if (!(noise[i] > threshold)) continue;
    std::copy_n(image.pixels.begin() + static_cast<ptrdiff_t>(3 * i), 3,
                result.pixels.begin() + static_cast<ptrdiff_t>(3 * i));
  }
  return result;
}

double brownish_intensity(const Call& call) { return call.pick<double>({1, 2, 3, 4, 5}) * 64 / 10; }

Image brownish_noise(const Image& image, std::span<const double> phases, double intensity) {
  const FieldSize size = size_of(image);
  Image result = like(image);
  for (size_t c = 0; c < Image::kChannels; ++c) {
    const auto of_channel = phases.subspan(c * phase_count(size), phase_count(size));
    const std::vector<double> noise = spectral_noise(size, of_channel, brownish);
    for (size_t i = 0; i < noise.size(); ++i) {
      result.pixels[3 * i + c] = level(image.pixels[3 * i + c] + intensity * noise[i]);
    }
  }
  return result;
}

Image blue_noise_sample(const Image& image, Call& call) {
  return blue_noise_sample(image, draw_phases(phase_count(size_of(image)), call), blue_noise_threshold(call));
}

Image brownish_noise(const Image& image, Call& call) {
  const size_t count = Image::kChannels * phase_count(size_of(image));
  return brownish_noise(image, draw_phases(count, call), brownish_intensity(call));
}

}  // namespace assemble::corruptions
