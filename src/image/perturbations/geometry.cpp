// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "assemble/core/math.h"
#include "channels.h"
#include "perturbations/perturbation.h"

namespace assemble::perturbations {
namespace {

double radians(double degrees) { return degrees * (std::numbers::pi / 180); }

/// Source coordinates of a target pixel: x' = x[0]·x + x[1]·y + x[2].
struct Inverse {
  std::array<double, 3> x;
  std::array<double, 3> y;
};

Inverse invert(const Image& image, const Affine& affine) {
  const double angle = radians(affine.degrees), shear = radians(affine.shear_degrees);
  const double center_x = image.width * 0.5 + 0.5, center_y = image.height * 0.5 + 0.5;
  const double factor = 1 / (affine.scale * math::cos(shear));
  Inverse inverse{{factor * math::cos(angle + shear), factor * math::sin(angle + shear), center_x},
                  {factor * -math::sin(angle), factor * math::cos(angle), center_y}};
  for (auto* row : {&inverse.x, &inverse.y}) (*row)[2] -= (*row)[0] * center_x + (*row)[1] * center_y;
  return inverse;
}

/// PIL's bilinear filter at (x, y), where pixel 0 spans [0, 1).
void sample(const Image& image, double x, double y, uint8_t* out) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) {
    std::fill_n(out, kChannels, uint8_t{0});
    return;
  }
  const double left = std::floor(x - 0.5), top = std::floor(y - 0.5);
  const double share_x = x - 0.5 - left, share_y = y - 0.5 - top;
  const auto column = [&](double at) { return std::clamp(static_cast<int>(at), 0, image.width - 1) * kChannels; };
  const auto row = [&](double at) { return image.row(std::clamp(static_cast<int>(at), 0, image.height - 1)); };
  const uint8_t *above = row(top), *below = row(top + 1);
  const int from = column(left), to = column(left + 1);
  for (int c = 0; c < kChannels; ++c) {
    const double upper = above[from + c] + (above[to + c] - above[from + c]) * share_x;
    const double lower = below[from + c] + (below[to + c] - below[from + c]) * share_x;
    out[c] = static_cast<uint8_t>(upper + (lower - upper) * share_y);
  }
}

/// Turns the image about both axes by an angle, seen from the distance of its diagonal.
cv::Matx33d tilt_matrix(double width, double height, double degrees) {
  const double angle = radians(degrees), distance = std::sqrt(width * width + height * height);
  const double c = math::cos(angle), s = math::sin(angle);
  const cv::Matx43d to_space(1, 0, -width / 2, 0, 1, -height / 2, 0, 0, 1, 0, 0, 1);
  const cv::Matx44d about_x(1, 0, 0, 0, 0, c, -s, 0, 0, s, c, 0, 0, 0, 0, 1);
  const cv::Matx44d about_y(c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1);
  const cv::Matx44d away(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, distance, 0, 0, 0, 1);
  const cv::Matx34d to_plane(distance, 0, width / 2, 0, 0, distance, height / 2, 0, 0, 0, 1, 0);
  return to_plane * away * about_x * about_y * to_space;
}

template <typename MakeAffine>
Frames transformed(const Call& call, MakeAffine&& make_affine) {
  Frames frames;
  for (int i = 0; i < call.frames; ++i) frames.push_back(transform(call.image, make_affine(i), call.window()));
  return frames;
}

}  // namespace

Image transform(const Image& image, const Affine& affine, const Window& window) {
  const Inverse inverse = invert(image, affine);
  Image result = Image::create(window.height, window.width);
  for (int y = 0; y < window.height; ++y) {
    uint8_t* out = result.row(y);
    const double v = window.y + y + 0.5;
    for (int x = 0; x < window.width; ++x, out += kChannels) {
      const double u = window.x + x + 0.5;
      sample(image, inverse.x[0] * u + inverse.x[1] * v + inverse.x[2],
             inverse.y[0] * u + inverse.y[1] * v + inverse.y[2], out);
    }
  }
  return result;
}

Frames translate(Call& call) {
  constexpr int kFarthest = 20;
  const Window window = call.window();
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    const int shift = i - kFarthest;
    Image frame = Image::create(call.crop, call.crop);
    const int first = std::max(0, shift - window.x);
    const int last = std::min(call.crop, call.image.width + shift - window.x);
    for (int y = 0; first < last && y < call.crop; ++y) {
      const uint8_t* row = call.image.row(window.y + y);
      std::copy(row + (window.x + first - shift) * kChannels, row + (window.x + last - shift) * kChannels,
                frame.row(y) + first * kChannels);
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

Frames rotate(Call& call) {
  return transformed(call, [](int i) { return Affine{.degrees = i - 15.0}; });
}

Frames scale(Call& call) {
  return transformed(call, [](int i) { return Affine{.scale = (i * 2.5 + 40) / 100}; });
}

Frames shear(Call& call) {
  return transformed(call, [](int i) { return Affine{.shear_degrees = i - 15.0}; });
}

Frames tilt(Call& call) {
  const cv::Mat source(call.image.height, call.image.width, CV_8UC3, const_cast<uint8_t*>(call.image.pixels.data()));
  Image tilted = corruptions::like(call.image);
  cv::Mat target(source.rows, source.cols, CV_8UC3, tilted.pixels.data());
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    cv::warpPerspective(source, target, tilt_matrix(source.cols, source.rows, i - 15), target.size());
    frames.push_back(crop(tilted, call.window()));
  }
  return frames;
}

}  // namespace assemble::perturbations
