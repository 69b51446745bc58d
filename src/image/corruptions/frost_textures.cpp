// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "assemble/core/error.h"
#include "assemble/core/math.h"
#include "assemble/image/decode.h"
#include "corruptions/corruption.h"
#include "corruptions/cubic.h"

namespace assemble {
namespace {

using corruptions::Border;
using corruptions::FieldSize;
using corruptions::level;

constexpr int kSide = 512;

/// Mean and deviation of each channel.
struct Look {
  std::array<float, 3> mean;
  std::array<float, 3> deviation;
};

/// Those of the photographs that the published generator uses (it holds one of them twice).
constexpr std::array<Look, 5> kLooks{{{{77.7f, 149.1f, 165.7f}, {26.9f, 16.5f, 15.3f}},
                                      {{200.8f, 205.4f, 214.5f}, {21.4f, 22.1f, 22.6f}},
                                      {{200.8f, 205.4f, 214.5f}, {21.4f, 22.1f, 22.6f}},
                                      {{137.6f, 152.8f, 165.2f}, {28.5f, 28.5f, 29.9f}},
                                      {{112.4f, 123.4f, 134.8f}, {44.4f, 43.3f, 41.7f}}}};

/// Ice grows in feathers: a curved stem with side branches that bear branches themselves.
class IceCrystals {
 public:
  explicit IceCrystals(Random& random) : random_(random), ice_(kSide, kSide, CV_32FC1, cv::Scalar(0)) {}

  void grow(cv::Point2d at, double direction, double length, double brightness, int generation) {
    const double bend = random_.uniform(-0.008, 0.008), spacing = random_.uniform(4, 7);
    const double side = std::numbers::pi / 3 * random_.uniform(0.75, 1.05);
    for (double done = 0; done < length; done += spacing) {
      const double rest = 1 - done / length;
      const cv::Point2d next(at.x + spacing * math::cos(direction), at.y + spacing * math::sin(direction));
      stroke(at, next, generation == 0 ? 2 : 1, brightness * (0.5 + 0.5 * rest) * (1 - 0.2 * generation));
      at = next;
      direction += bend * spacing;
      if (generation < 2 && rest > 0.15) {
        const double branch = length * (generation == 0 ? 0.32 : 0.4) * std::sqrt(rest) * random_.uniform(0.6, 1.1);
        grow(at, direction + side, branch, brightness, generation + 1);
        grow(at, direction - side, branch, brightness, generation + 1);
      }
    }
  }

  const cv::Mat& ice() const { return ice_; }

 private:
  void stroke(const cv::Point2d& from, const cv::Point2d& to, int thickness, double brightness) {
    constexpr int kShift = 4;
    const auto fixed = [](const cv::Point2d& p) {
      return cv::Point(static_cast<int>(std::lround(p.x * (1 << kShift))),
                       static_cast<int>(std::lround(p.y * (1 << kShift))));
    };
    cv::line(ice_, fixed(from), fixed(to), cv::Scalar(brightness * random_.uniform(0.8, 1)), thickness, cv::LINE_8,
             kShift);
  }

  Random& random_;
  cv::Mat ice_;
};

/// Cloudy ice between the crystals: noise of every size.
std::vector<double> clouds(Random& random) {
  std::vector<double> sum(size_t{kSide} * kSide);
  for (int cells = 4; cells <= kSide / 2; cells *= 2) {
    const FieldSize size{cells, cells, 1};
    const std::vector<double> wide =
        corruptions::enlarged(corruptions::normal_field(size, 0, 1, random), size, kSide, kSide);
    const double strength = 1.6 / std::sqrt(cells);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += wide[i] * strength;
  }
  return sum;
}

std::vector<double> blurred(const cv::Mat& ice, double sigma) {
  constexpr double kTruncate = 4;
  std::vector<double> field(ice.begin<float>(), ice.end<float>());
  corruptions::gaussian_filter(field, {kSide, kSide, 1}, sigma, kTruncate, Border::kReflect101);
  return field;
}

/// Of mean 0 and deviation 1.
void normalise(std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (double& value : values) value -= sum / count;
  for (const double value : values) squares += value * value;
  for (double& value : values) value /= std::sqrt(squares / count);
}

Image draw_frost(const Look& look, Random& random) {
  IceCrystals crystals(random);
  const int count = 200 + static_cast<int>(random.integer(80));
  for (int i = 0; i < count; ++i) {
    const double y = random.uniform(-40, kSide + 40), x = random.uniform(-40, kSide + 40);
    const double direction = random.uniform(0, 2 * std::numbers::pi);
    const double brightness = random.uniform(0.35, 1);
    const int arms = 1 + static_cast<int>(random.integer(3));
    for (int arm = 0; arm < arms; ++arm) {
      crystals.grow({x, y}, direction + arm * std::numbers::pi / 3, random.uniform(25, 90), brightness, 0);
    }
  }
  std::vector<double> height = clouds(random);
  const std::vector<double> edges = blurred(crystals.ice(), 0.7), glow = blurred(crystals.ice(), 5);
  for (size_t i = 0; i < height.size(); ++i) height[i] = 2.2 * edges[i] + 0.8 * glow[i] + 0.22 * height[i];
  normalise(height);
  Image image = Image::create(kSide, kSide);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const size_t channel = i % Image::kChannels;
    image.pixels[i] = level(look.mean[channel] + look.deviation[channel] * height[i / Image::kChannels] + 0.5);
  }
  return image;
}

}  // namespace

std::shared_ptr<const FrostTextures> load_frost_textures(const fs::path& directory) {
  auto textures = std::make_shared<FrostTextures>();
  for (const char* name : {"frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"}) {
    const fs::path path = directory / name;
    if (!fs::exists(path)) {
      throw InputError(path.string(),
                       "is missing; a folder of frost holds frost1.png … frost3.png, frost4.jpg, frost5.jpg",
                       "leave the folder out to use drawn frost");
    }
    textures->push_back(decode_image(read_file(path), path.string()));
  }
  return textures;
}

std::shared_ptr<const FrostTextures> drawn_frost_textures() {
  static const std::shared_ptr<const FrostTextures> drawn = [] {
    auto textures = std::make_shared<FrostTextures>();
    for (size_t i = 0; i < kLooks.size(); ++i) {
      Random random(0, RandomPurpose::kDraw, 0xF0057, i);
      textures->push_back(draw_frost(kLooks[i], random));
    }
    return textures;
  }();
  return drawn;
}

}  // namespace assemble
