// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "corruptions/corruption.h"

namespace assemble {
namespace {

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
      const cv::Point2d next(at.x + spacing * std::cos(direction), at.y + spacing * std::sin(direction));
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
cv::Mat clouds(Random& random) {
  cv::Mat sum(kSide, kSide, CV_32FC1, cv::Scalar(0));
  for (int cells = 4; cells <= kSide / 2; cells *= 2) {
    cv::Mat noise(cells, cells, CV_32FC1), wide;
    random.fill_normal({noise.ptr<float>(), static_cast<size_t>(cells) * cells});
    cv::resize(noise, wide, sum.size(), 0, 0, cv::INTER_CUBIC);
    sum += wide * (1.6 / std::sqrt(cells));
  }
  return sum;
}

Image draw_frost(const Look& look, Random& random) {
  IceCrystals crystals(random);
  const int count = 200 + static_cast<int>(random.integer(80));
  for (int i = 0; i < count; ++i) {
    const cv::Point2d seed(random.uniform(-40, kSide + 40), random.uniform(-40, kSide + 40));
    const double direction = random.uniform(0, 2 * std::numbers::pi);
    const double brightness = random.uniform(0.35, 1);
    const int arms = 1 + static_cast<int>(random.integer(3));
    for (int arm = 0; arm < arms; ++arm) {
      crystals.grow(seed, direction + arm * std::numbers::pi / 3, random.uniform(25, 90), brightness, 0);
    }
  }
  cv::Mat height, glow;
  cv::GaussianBlur(crystals.ice(), height, cv::Size(0, 0), 0.7);
  cv::GaussianBlur(crystals.ice(), glow, cv::Size(0, 0), 5);
  height = 2.2 * height + 0.8 * glow + 0.22 * clouds(random);
  cv::Scalar mean, deviation;
  cv::meanStdDev(height, mean, deviation);
  Image image = Image::create(kSide, kSide);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const auto value = static_cast<float>((height.at<float>(y, x) - mean[0]) / deviation[0]);
      for (size_t c = 0; c < 3; ++c) {
        image.row(y)[3 * x + static_cast<int>(c)] = corruptions::level(look.mean[c] + look.deviation[c] * value + 0.5f);
      }
    }
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
