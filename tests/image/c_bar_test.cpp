// SPDX-License-Identifier: Apache-2.0
// ImageNet-C-bar beside its published generator: the image that it makes of the same random numbers, pixel by pixel,
// and the random numbers that it draws. benchmarks/c_bar_golden.py wrote both.
#include "../../src/image/corruptions/c_bar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

#include "assemble/core/text.h"
#include "assemble/io/safetensors.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble::corruptions {
namespace {

/// Random numbers of one image, taken one after the other.
class Numbers {
 public:
  explicit Numbers(const Bytes& bytes) : values_(bytes.size() / sizeof(double)) {
    std::memcpy(values_.data(), bytes.data(), bytes.size());
  }
  double next() { return values_.at(used_++); }
  std::vector<double> next(size_t count) {
    std::vector<double> taken(count);
    for (double& value : taken) value = next();
    return taken;
  }
  std::vector<double> rest() { return next(left()); }
  size_t left() const { return values_.size() - used_; }

 private:
  std::vector<double> values_;
  size_t used_ = 0;
};

Star next_star(Numbers& numbers) {
  Star star;
  star.y = numbers.next();
  star.x = numbers.next();
  star.rays = numbers.next(static_cast<size_t>(numbers.next()));
  return star;
}

Image of_numbers(const std::string& name, const Image& image, Numbers numbers) {
  const auto next = [&] { return numbers.next(); };
  if (name == "single_frequency_greyscale") return single_frequency_greyscale(image, {next(), next(), next(), next()});
  if (name == "cocentric_sine_waves") {
    return cocentric_sine_waves(image, {next(), next(), next(), next(), next(), next()});
  }
  if (name == "plasma_noise") return plasma_noise(image, {next(), static_cast<int>(next()), next(), next(), next()});
  if (name == "caustic_refraction") return caustic_refraction(image, {next(), next(), next(), next()});
  if (name == "sparkles") {
    std::vector<Star> stars;
    while (numbers.left() > 0) stars.push_back(next_star(numbers));
    return sparkles(image, stars);
  }
  if (name == "inverse_sparkles") {
    Star star = next_star(numbers);
    star.exponent = next();
    return inverse_sparkles(image, star);
  }
  if (name == "checkerboard_cutout") {
    Checkerboard board{next(), next(), static_cast<int>(next()), {}};
    while (numbers.left() > 0) board.gray.push_back(next() != 0);
    return checkerboard_cutout(image, board);
  }
  if (name == "perlin_noise") {
    PerlinLattice lattice;
    lattice.alpha = next();
    for (uint8_t& place : lattice.permutation) place = static_cast<uint8_t>(next());
    for (auto& gradient : lattice.gradients) gradient = {next(), next()};
    return perlin_noise(image, lattice);
  }
  const double strength = next();
  if (name == "blue_noise_sample") return blue_noise_sample(image, numbers.rest(), strength);
  return brownish_noise(image, numbers.rest(), strength);
}

TEST(CBar, PixelsAreTheGeneratorsOfTheSameNumbers) {
  const SafetensorsFile file(test::stored_golden("c_bar.safetensors"));
  std::map<std::string, int> cases;
  for (const auto& [key, entry] : file.tensors()) {
    const std::vector<std::string> parts = split(key, '/');
    if (parts.size() != 3) continue;
    const Image clean = test::read_image(file, "image/" + parts[2]), expected = test::read_image(file, key);
    const Image result = of_numbers(parts[0], clean, Numbers(file.read(key + "/numbers")));
    ASSERT_EQ(result.pixels.size(), expected.pixels.size());
    int different = 0;
    for (size_t i = 0; i < result.pixels.size(); ++i) different += result.pixels[i] != expected.pixels[i];
    EXPECT_EQ(different, 0) << key;
    ++cases[parts[0]];
  }
  EXPECT_EQ(cases.size(), corruption_names(CorruptionSet::kCBar).size());
}

using Drawn = std::map<std::string, double>;

/// The numbers that are drawn by themselves, for an image of 224 pixels.
Drawn draw(const std::string& name, Call& call) {
  const FieldSize size{224, 224, 1};
  if (name == "single_frequency_greyscale") {
    const PlaneWave wave = draw_plane_wave(call);
    return {{"fx", wave.fx}, {"fy", wave.fy}, {"phase", wave.phase}, {"intensity", wave.intensity}};
  }
  if (name == "cocentric_sine_waves") {
    const Rings rings = draw_rings(size, call);
    return {{"x", rings.x},
            {"y", rings.y},
            {"frequency", rings.frequency},
            {"amplitude", rings.amplitude},
            {"width", rings.width},
            {"intensity", rings.intensity}};
  }
  if (name == "plasma_noise") {
    const Plasma plasma = draw_plasma(size, call);
    return {{"time", plasma.time},
            {"iterations", plasma.iterations},
            {"sharpness", plasma.sharpness},
            {"scale", plasma.scale},
            {"intensity", plasma.intensity}};
  }
  if (name == "sparkles" || name == "inverse_sparkles") {
    const Star star = name == "sparkles" ? draw_stars(size, call).at(4) : draw_inverse_star(size, call);
    double sum = 0;
    for (const double ray : star.rays) sum += ray;
    const auto rays = static_cast<double>(star.rays.size());
    Drawn drawn{{"y", star.y}, {"x", star.x}, {"rays", rays}, {"radius", sum / rays}};
    if (name == "inverse_sparkles") drawn["exponent"] = star.exponent;
    return drawn;
  }
  if (name == "checkerboard_cutout") {
    const Checkerboard board = draw_checkerboard(size, call);
    EXPECT_EQ(board.side, static_cast<int>(4 * 224 / board.scale));
    const auto gray = static_cast<double>(std::count(board.gray.begin(), board.gray.end(), 1));
    return {
        {"angle", board.angle}, {"scale", board.scale}, {"fraction", gray / static_cast<double>(board.gray.size())}};
  }
  if (name == "caustic_refraction") {
    const Ripples ripples = draw_ripples(size, call);
    return {{"time", ripples.time},
            {"size", ripples.size},
            {"lens_scale", ripples.lens_scale},
            {"lighting", ripples.lighting}};
  }
  if (name == "perlin_noise") return {{"alpha", draw_perlin_lattice(call).alpha}};
  if (name == "blue_noise_sample") return {{"threshold", blue_noise_threshold(call)}};
  return {{"intensity", brownish_intensity(call)}};
}

TEST(CBar, RandomNumbersAreSpreadAsTheGenerators) {
  const auto golden = nlohmann::json::parse(test::read_text(test::stored_golden("c_bar.json")));
  ASSERT_EQ(golden.size(), 10u);
  constexpr int kDraws = 2000;
  const CorruptOptions options;
  for (const auto& [name, rows] : golden.items()) {
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      Drawn sums, squares;
      Random random(3, RandomPurpose::kCorrupt);
      Call call{severity, random, options};
      for (int i = 0; i < kDraws; ++i) {
        for (const auto& [key, value] : draw(name, call)) {
          sums[key] += value / kDraws;
          squares[key] += value * value / kDraws;
        }
      }
      const nlohmann::json& expected = rows.at(static_cast<size_t>(severity - 1));
      ASSERT_EQ(sums.size(), expected.size()) << name;
      for (const auto& [key, row] : expected.items()) {
        const double mean = row.at(0), deviation = row.at(1);
        const double measured = std::sqrt(std::max(squares[key] - sums[key] * sums[key], 0.0));
        const std::string what = name + " " + std::to_string(severity) + " " + key;
        EXPECT_NEAR(sums[key], mean, 0.1 * deviation + 0.01 * std::abs(mean)) << what;
        if (deviation > 0) {
          EXPECT_NEAR(measured / deviation, 1, 0.06) << what;
        }
      }
    }
  }
}

TEST(CBar, SpectraStarsAndLatticesAreAsRandomAsTheGenerators) {
  const CorruptOptions options;
  Random random(4, RandomPurpose::kCorrupt);
  Call call{5, random, options};
  double sum = 0, squares = 0;
  const std::vector<double> phases = draw_phases(40000, call);
  for (const double phase : phases) sum += phase, squares += phase * phase;
  EXPECT_NEAR(sum / 40000, std::numbers::pi, 0.03);
  EXPECT_NEAR(squares / 40000, 4 * std::numbers::pi * std::numbers::pi / 3, 0.15);

  sum = squares = 0;
  size_t count = 0;
  for (int i = 0; i < 200; ++i) {
    for (const double ray : draw_inverse_star({224, 224, 1}, call).rays) sum += ray, squares += ray * ray, ++count;
  }
  const double mean = sum / static_cast<double>(count);
  EXPECT_NEAR(mean, 56, 0.5);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(count) - mean * mean), 14, 0.5);

  const PerlinLattice lattice = draw_perlin_lattice(call);
  EXPECT_EQ(std::set<uint8_t>(lattice.permutation.begin(), lattice.permutation.end()).size(), 256u);
  double angle = 0;
  for (const auto& [y, x] : lattice.gradients) {
    EXPECT_NEAR(y * y + x * x, 1, 1e-12);
    angle += std::atan2(y, x) / 256;
  }
  EXPECT_NEAR(angle, 0, 0.4);
}

}  // namespace
}  // namespace assemble::corruptions
