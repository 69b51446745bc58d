// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>

#include "channels.h"
#include "corruptions/corruption.h"
#include "corruptions/cubic.h"
#include "corruptions/filters.h"
#include "made_size.h"

namespace assemble::corruptions {
namespace {

/// Heights by the diamond-square algorithm on a torus whose side is a power of two, stretched to [0, 1].
class PlasmaFractal {
 public:
  PlasmaFractal(int side, float decay, Random& random) : side_(side), heights_(static_cast<size_t>(side) * side, 0.f) {
    float reach = kReach;
    for (int step = side; step >= 2; step /= 2) {
      fill_squares(step, reach * reach, random);
      fill_diamonds(step, reach * reach, random);
      reach /= decay;
    }
    const auto [least, most] = std::minmax_element(heights_.begin(), heights_.end());
    const float low = *least, scale = 1 / (*most - *least);
    for (float& height : heights_) height = (height - low) * scale;
  }

  const float* row(int y) const { return heights_.data() + static_cast<size_t>(y) * side_; }

 private:
  static constexpr float kReach = 100;

  float* row(int y) { return heights_.data() + static_cast<size_t>(y & (side_ - 1)) * side_; }
  int wrap(int x) const { return x & (side_ - 1); }

  /// Random numbers for one pass, in [-reach, reach).
  const float* draw(int count, float reach, Random& random) {
    noise_.resize(static_cast<size_t>(count));
    random.fill_uniform(noise_);
    for (float& value : noise_) value = reach * (2 * value - 1);
    return noise_.data();
  }

  /// The middle of each square is the mean of its corners and noise.
  void fill_squares(int step, float reach, Random& random) {
    const int cells = side_ / step, half = step / 2;
    const float* noise = draw(cells * cells, reach, random);
    for (int y = 0; y < side_; y += step) {
      const float *above = row(y), *below = row(y + step);
      float* middle = row(y + half);
      for (int x = 0; x < side_; x += step) {
        const int right = wrap(x + step);
        middle[x + half] = 0.25f * (above[x] + above[right] + below[x] + below[right]) + *noise++;
      }
    }
  }

  /// The middle of each edge is the mean of its ends, of the middles of the squares beside it, and noise.
  void fill_diamonds(int step, float reach, Random& random) {
    const int cells = side_ / step, half = step / 2;
    const float* noise = draw(2 * cells * cells, reach, random);
    for (int y = 0; y < side_; y += step) {
      const float *above = row(y - half), *below = row(y + step);
      float *corners = row(y), *middles = row(y + half);
      for (int x = 0; x < side_; x += step) {
        corners[x + half] =
            0.25f * (corners[x] + corners[wrap(x + step)] + above[x + half] + middles[x + half]) + *noise++;
        middles[x] = 0.25f * (corners[x] + below[x] + middles[x + half] + middles[wrap(x - half)]) + *noise++;
      }
    }
  }

  int side_;
  std::vector<float> heights_;
  std::vector<float> noise_;
};

int power_of_two_above(int side) {
  int power = 2;
  while (power < side) power *= 2;
  return power;
}

/// The texture enlarged so that it covers the image; nothing where it does.
std::optional<Image> enlarged_to_cover(const Image& image, const Image& texture) {
  const double scale =
      std::max(static_cast<double>(image.height) / texture.height, static_cast<double>(image.width) / texture.width);
  if (scale <= 1) return std::nullopt;
  const auto enough = [scale](int least, int side) {
    return std::max(least, static_cast<int>(std::ceil(side * scale)));
  };
  const int height = enough(image.height, texture.height), width = enough(image.width, texture.width);
  check_made_size(height, width, "frost");
  return enlarged(texture, height, width);
}

/// Falling snow: bright specks, magnified and blurred along `degrees`, as levels.
std::vector<uint8_t> snow_layer(const FieldSize& size, float mean, float deviation, double zoom, float threshold,
                                int radius, double sigma, Random& random) {
  std::vector<float> noise(size.count()), zoomed(size.count(), 0.f);
  random.fill_normal(noise);
  for (float& value : noise) value = mean + deviation * value;
  add_clipped_zoom(noise, size, zoom, zoomed);
  std::vector<uint8_t> specks(size.count()), layer(size.count());
  for (size_t i = 0; i < specks.size(); ++i) specks[i] = zoomed[i] < threshold ? 0 : level(zoomed[i] * 255);
  motion_blur_levels(specks.data(), size, radius, sigma, random.uniform(-135, -45), layer.data());
  return layer;
}

}  // namespace

Image fog(const Image& image, Call& call) {
  struct Parameters {
    float thickness;
    float decay;
  };
  const auto [thickness, decay] = call.pick<Parameters>({{{1.5f, 2}, {2, 2}, {2.5f, 1.7f}, {2.5f, 1.5f}, {3, 1.4f}}});
  const int side = power_of_two_above(std::max(image.height, image.width));
  check_made_size(side, side, "fog");
  const PlasmaFractal plasma(side, decay, call.random);
  const float brightest = static_cast<float>(*std::max_element(image.pixels.begin(), image.pixels.end())) / 255;
  const float scale = brightest / (brightest + thickness);
  Image result = like(image);
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* from = image.row(y);
    uint8_t* out = result.row(y);
    for (int x = 0; x < image.width; ++x) {
      const float veil = 255 * thickness * plasma.row(y)[x];
      for (int c = 0; c < kChannels; ++c) *out++ = level((static_cast<float>(*from++) + veil) * scale);
    }
  }
  return result;
}

Image frost(const Image& image, Call& call) {
  struct Parameters {
    float image;
    float frost;
  };
  const auto [of_image, of_frost] =
      call.pick<Parameters>({{{1, 0.4f}, {0.8f, 0.6f}, {0.7f, 0.7f}, {0.65f, 0.7f}, {0.6f, 0.75f}}});
  const auto textures = call.options.frost ? call.options.frost : drawn_frost_textures();
  const Image& drawn = (*textures)[call.random.integer(textures->size())];
  const std::optional<Image> larger = enlarged_to_cover(image, drawn);
  const Image& texture = larger ? *larger : drawn;
  const int top = static_cast<int>(call.random.integer(std::max(texture.height - image.height, 1)));
  const int left = static_cast<int>(call.random.integer(std::max(texture.width - image.width, 1)));
  Image result = like(image);
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* from = image.row(y);
    const uint8_t* ice = texture.row(top + y) + left * kChannels;
    uint8_t* out = result.row(y);
    for (int i = 0; i < image.width * kChannels; ++i) {
      out[i] = level(of_image * static_cast<float>(from[i]) + of_frost * static_cast<float>(ice[i]));
    }
  }
  return result;
}

Image snow(const Image& image, Call& call) {
  struct Parameters {
    float mean;
    float deviation;
    double zoom;
    float threshold;
    int radius;
    double sigma;
    float clean;
  };
  const auto p = call.pick<Parameters>({{{0.1f, 0.3f, 3, 0.5f, 10, 4, 0.8f},
                                         {0.2f, 0.3f, 2, 0.5f, 12, 4, 0.7f},
                                         {0.55f, 0.3f, 4, 0.9f, 12, 8, 0.7f},
                                         {0.55f, 0.3f, 4.5, 0.85f, 12, 8, 0.65f},
                                         {0.55f, 0.3f, 2.5, 0.85f, 12, 12, 0.55f}}});
  const std::vector<uint8_t> layer = snow_layer({image.height, image.width, 1}, p.mean, p.deviation, p.zoom,
                                                p.threshold, p.radius, p.sigma, call.random);
  Image result = like(image);
  for (size_t i = 0; i < layer.size(); ++i) {
    const uint8_t* pixel = image.pixels.data() + kChannels * i;
    // Whitened towards one and a half times the luminance; then the layer, and the layer turned by half a turn.
    const float luminance = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
    const float white = luminance * 1.5f + 0.5f * 255;
    const auto flakes = static_cast<float>(layer[i] + layer[layer.size() - 1 - i]);
    for (int c = 0; c < kChannels; ++c) {
      const float value = pixel[c];
      result.pixels[kChannels * i + c] = level(p.clean * value + (1 - p.clean) * std::max(value, white) + flakes);
    }
  }
  return result;
}

}  // namespace assemble::corruptions
