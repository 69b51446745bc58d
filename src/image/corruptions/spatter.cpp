// SPDX-License-Identifier: Apache-2.0
#include <opencv2/imgproc.hpp>

#include "channels.h"
#include "corruptions/corruption.h"
#include "corruptions/filters.h"

namespace assemble::corruptions {
namespace {

constexpr double kTruncate = 4;

/// Blends towards `color`: pixel · keep + color · amount, by pixel.
void blend(const Image& image, std::span<const double> amounts, bool covers, const std::array<double, kChannels>& color,
           Image& result) {
  for (size_t i = 0; i < amounts.size(); ++i) {
    const double amount = amounts[i], keep = covers ? 1 - amount : 1.0;
    for (size_t c = 0; c < kChannels; ++c) {
      const size_t at = kChannels * i + c;
      result.pixels[at] = level(image.pixels[at] * keep + color[c] * amount);
    }
  }
}

/// Mud is opaque where its smoothed mask is above a threshold.
std::vector<double> mud_amounts(std::span<const double> liquid, const FieldSize& size, double threshold, double sigma) {
  constexpr double kLeast = 0.8;
  std::vector<double> amounts(liquid.size());
  for (size_t i = 0; i < amounts.size(); ++i) amounts[i] = liquid[i] > threshold ? 1 : 0;
  gaussian_filter(amounts, size, sigma, kTruncate, Border::kNearest);
  for (double& amount : amounts) amount = amount < kLeast ? 0 : amount;
  return amounts;
}

}  // namespace

std::vector<double> water_amounts(std::span<const double> liquid, const FieldSize& size, double strength) {
  cv::Mat levels(size.height, size.width, CV_8UC1);
  to_levels(liquid, levels.data);
  cv::Mat edges, distance, relief, smooth;
  cv::Canny(levels, edges, 50, 150);
  cv::distanceTransform(255 - edges, distance, cv::DIST_L2, 5);
  cv::threshold(distance, distance, 20, 20, cv::THRESH_TRUNC);
  cv::blur(distance, distance, cv::Size(3, 3));
  relief.create(distance.size(), CV_8UC1);
  to_levels({distance.ptr<float>(), liquid.size()}, relief.data);
  cv::equalizeHist(relief, relief);
  const cv::Matx33f emboss(-2, -1, 0, -1, 1, 1, 0, 1, 2);
  cv::filter2D(relief, smooth, CV_8U, emboss);
  cv::blur(smooth, smooth, cv::Size(3, 3));
  std::vector<double> amounts(liquid.size());
  for (size_t i = 0; i < amounts.size(); ++i) amounts[i] = levels.data[i] * smooth.data[i];
  const double most = *std::max_element(amounts.begin(), amounts.end());
  if (most > 0) {
    for (double& amount : amounts) amount *= strength / most;
  }
  return amounts;
}

Image spatter(const Image& image, Call& call) {
  struct Parameters {
    float mean;
    float deviation;
    double sigma;
    double threshold;
    double strength;  ///< of water; of mud, the smoothing of its mask
    bool mud;
  };
  const auto p = call.pick<Parameters>({{{0.65f, 0.3f, 4, 0.69, 0.6, false},
                                         {0.65f, 0.3f, 3, 0.68, 0.6, false},
                                         {0.65f, 0.3f, 2, 0.68, 0.5, false},
                                         {0.65f, 0.3f, 1, 0.65, 1.5, true},
                                         {0.67f, 0.4f, 1, 0.65, 1.5, true}}});
  const FieldSize size{image.height, image.width, 1};
  std::vector<double> liquid = normal_field(size, p.mean, p.deviation, call.random);
  gaussian_filter(liquid, size, p.sigma, kTruncate, Border::kNearest);
  Image result = like(image);
  if (p.mud) {
    blend(image, mud_amounts(liquid, size, p.threshold, p.strength), true, {63, 42, 20}, result);
  } else {
    for (double& value : liquid) value = value < p.threshold ? 0 : 255 * value;
    blend(image, water_amounts(liquid, size, p.strength), false, {175, 238, 238}, result);
  }
  return result;
}

}  // namespace assemble::corruptions
