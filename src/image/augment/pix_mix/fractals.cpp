// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/fractals.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "assemble/core/math.h"
#include "assemble/core/thread_pool.h"

namespace assemble {
namespace {

constexpr int kLayers = 2;
constexpr int kAttempts = 8;           // at attractors that are more than specks
constexpr double kLeastCovered = 0.1;  // share of the pixels
constexpr int kPointsPerPixel = 8;
constexpr int kSettling = 20;  // points before the walk is on the attractor
constexpr int kLookedAt = 500;

using Rgb = std::array<float, 3>;

Rgb draw_colour(Random& random) {
  Rgb colour;
  for (float& channel : colour) channel = static_cast<float>(random.uniform(0, 255));
  return colour;
}

struct Point {
  double x = 0, y = 0;
};

/// A contraction, and what it colours.
struct Contraction {
  double xx, xy, yx, yy, x0, y0;
  Rgb colour;

  explicit Contraction(Random& random) : colour(draw_colour(random)) {
    const double first = random.uniform(0, 2 * std::numbers::pi), second = random.uniform(0, 2 * std::numbers::pi);
    const double large = random.uniform(0.4, 0.95), small = large * random.uniform(0.3, 1);
    const double c1 = math::cos(first), s1 = math::sin(first), c2 = math::cos(second), s2 = math::sin(second);
    xx = c1 * large * c2 - s1 * small * s2;
    xy = -c1 * large * s2 - s1 * small * c2;
    yx = s1 * large * c2 + c1 * small * s2;
    yy = -s1 * large * s2 + c1 * small * c2;
    x0 = random.uniform(-1, 1);
    y0 = random.uniform(-1, 1);
  }
  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0}; }
  double area() const { return std::abs(xx * yy - xy * yx); }
};

/// Where the attractor lies, and how it fills the picture.
struct Frame {
  double left, top, scale;
};

/// Walks over an attractor by contractions drawn in proportion to the area that they leave.
class Walk {
 public:
  Walk(const std::vector<Contraction>& maps, Random& random) : maps_(maps), random_(random) {
    double sum = 0;
    for (const Contraction& map : maps_) shares_.push_back(sum += std::max(map.area(), 0.02));
    for (double& share : shares_) share /= sum;
    for (int i = 0; i < kSettling; ++i) step();
  }
  void step() {
    const auto chosen = std::upper_bound(shares_.begin(), shares_.end() - 1, random_.uniform()) - shares_.begin();
    const Contraction& map = maps_[static_cast<size_t>(chosen)];
    at = map(at);
    for (size_t c = 0; c < colour.size(); ++c) colour[c] = (colour[c] + map.colour[c]) / 2;
  }

  Point at;
  Rgb colour{};

 private:
  const std::vector<Contraction>& maps_;
  Random& random_;
  std::vector<double> shares_;
};

Frame frame_of(Walk& walk, int side) {
  Point low = walk.at, high = walk.at;
  for (int i = 0; i < kLookedAt; ++i) {
    walk.step();
    low = {std::min(low.x, walk.at.x), std::min(low.y, walk.at.y)};
    high = {std::max(high.x, walk.at.x), std::max(high.y, walk.at.y)};
  }
  const double extent = std::max({high.x - low.x, high.y - low.y, 1e-6});
  return {(low.x + high.x - extent) / 2, (low.y + high.y - extent) / 2, side / extent};
}

struct Pixel {
  float hits = 0;
  Rgb sum{};
};

std::vector<Pixel> draw_attractor(int side, Random& random) {
  std::vector<Contraction> maps;
  for (uint64_t i = 0, count = 2 + random.integer(4); i < count; ++i) maps.emplace_back(random);
  Walk walk(maps, random);
  const Frame frame = frame_of(walk, side);
  std::vector<Pixel> pixels(static_cast<size_t>(side) * side);
  for (int64_t i = 0; i < int64_t{kPointsPerPixel} * side * side; ++i) {
    walk.step();
    const double x = (walk.at.x - frame.left) * frame.scale, y = (walk.at.y - frame.top) * frame.scale;
    if (!(x >= 0 && x < side && y >= 0 && y < side)) continue;
    Pixel& pixel = pixels[static_cast<size_t>(y) * side + static_cast<size_t>(x)];
    ++pixel.hits;
    for (size_t c = 0; c < walk.colour.size(); ++c) pixel.sum[c] += walk.colour[c];
  }
  return pixels;
}

double covered(const std::vector<Pixel>& pixels) {
  const auto hit = std::count_if(pixels.begin(), pixels.end(), [](const Pixel& pixel) { return pixel.hits > 0; });
  return static_cast<double>(hit) / static_cast<double>(pixels.size());
}

/// Denser places hide more of what is below, by the logarithm of their points.
void lay_over(std::vector<Rgb>& picture, const std::vector<Pixel>& pixels) {
  const auto weight = [](float hits) { return static_cast<float>(math::log(1.0 + hits)); };
  float most = 1;
  for (const Pixel& pixel : pixels) most = std::max(most, pixel.hits);
  for (size_t i = 0; i < pixels.size(); ++i) {
    if (pixels[i].hits == 0) continue;
    const float share = weight(pixels[i].hits) / weight(most);
    for (size_t c = 0; c < picture[i].size(); ++c) {
      picture[i][c] += share * (pixels[i].sum[c] / pixels[i].hits - picture[i][c]);
    }
  }
}

std::vector<Rgb> draw_background(int side, Random& random) {
  const Rgb from = draw_colour(random), to = draw_colour(random);
  const double angle = random.uniform(0, 2 * std::numbers::pi);
  const auto place = [side](int pixel) { return (pixel + 0.5) / side - 0.5; };
  std::vector<Rgb> picture(static_cast<size_t>(side) * side);
  auto pixel = picture.begin();
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x, ++pixel) {
      const double along = place(x) * math::cos(angle) + place(y) * math::sin(angle);
      const auto share = static_cast<float>(0.5 + along / std::numbers::sqrt2);
      for (size_t c = 0; c < pixel->size(); ++c) (*pixel)[c] = from[c] + share * (to[c] - from[c]);
    }
  }
  return picture;
}

}  // namespace

Image draw_fractal(int side, Random& random) {
  std::vector<Rgb> picture = draw_background(side, random);
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<Pixel> pixels = draw_attractor(side, random);
    for (int i = 1; i < kAttempts && covered(pixels) < kLeastCovered; ++i) pixels = draw_attractor(side, random);
    lay_over(picture, pixels);
  }
  Image image = Image::create(side, side);
  uint8_t* out = image.pixels.data();
  for (const Rgb& pixel : picture) {
    for (const float value : pixel) *out++ = static_cast<uint8_t>(std::clamp(value, 0.f, 255.f) + 0.5f);
  }
  return image;
}

std::vector<Image> draw_fractals(int count, int side, uint64_t seed) {
  std::vector<Image> fractals(static_cast<size_t>(count));
  ThreadPool pool(available_cores());
  pool.parallel_for(count, [&](int64_t i) {
    Random random(seed, RandomPurpose::kMixingSet, static_cast<uint32_t>(side), static_cast<uint64_t>(i));
    fractals[static_cast<size_t>(i)] = draw_fractal(side, random);
  });
  return fractals;
}

}  // namespace assemble
