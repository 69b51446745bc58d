// SPDX-License-Identifier: Apache-2.0
#include "check/alignment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "assemble/image/resize.h"

namespace assemble::check {
namespace {

// Measured on flowers12 and on drawn images (docs/results/dataset_check.csv): of copies that were compressed, halved,
// mirrored or cropped hardly any is below, of other images that share most of a hash hardly any above.
constexpr double kLeastLikeness = 0.85;
constexpr double kLeastFineLikeness = 0.8;
constexpr double kLeastCoarseLikeness = 0.85;
constexpr double kMostColour = 10;
constexpr double kLeastScale = 0.8, kMostScale = 1.06;
constexpr double kCropScale = 0.97;

constexpr int kParameters = 6;  // two scales, two shifts, contrast, brightness

/// A square of brightness.
class Plane {
 public:
  explicit Plane(int side) : side_(side), values_(static_cast<size_t>(side * side)) {}

  int side() const { return side_; }
  float& at(int y, int x) { return values_[static_cast<size_t>(y * side_ + x)]; }
  float at(int y, int x) const { return values_[static_cast<size_t>(y * side_ + x)]; }

  Plane halved() const {
    Plane half(side_ / 2);
    for (int y = 0; y < half.side_; ++y) {
      for (int x = 0; x < half.side_; ++x) {
        half.at(y, x) = (at(2 * y, 2 * x) + at(2 * y, 2 * x + 1) + at(2 * y + 1, 2 * x) + at(2 * y + 1, 2 * x + 1)) / 4;
      }
    }
    return half;
  }

  /// What differs from the mean around each pixel.
  Plane details() const {
    constexpr int kReach = 3;
    Plane rows(side_), result(side_);
    const auto mean = [&](int place, auto value) {
      const int first = std::max(place - kReach, 0), last = std::min(place + kReach, side_ - 1);
      float sum = 0;
      for (int i = first; i <= last; ++i) sum += value(i);
      return sum / static_cast<float>(last - first + 1);
    };
    for (int y = 0; y < side_; ++y) {
      for (int x = 0; x < side_; ++x) rows.at(y, x) = mean(x, [&](int i) { return at(y, i); });
    }
    for (int y = 0; y < side_; ++y) {
      for (int x = 0; x < side_; ++x) result.at(y, x) = at(y, x) - mean(y, [&](int i) { return rows.at(i, x); });
    }
    return result;
  }

 private:
  int side_;
  std::vector<float> values_;
};

Plane plane_of(const SmallImage& image, bool mirrored) {
  Plane plane(SmallImage::kSide);
  for (int y = 0; y < plane.side(); ++y) {
    for (int x = 0; x < plane.side(); ++x) {
      plane.at(y, mirrored ? plane.side() - 1 - x : x) = image.luma[static_cast<size_t>(y * plane.side() + x)];
    }
  }
  return plane;
}

double place(const AxisFit& axis, int i, int side) {
  const double centre = (side - 1) / 2.0;
  return centre + axis.scale * (i - centre) + axis.shift * side;
}

/// Between four pixels, with the slopes there.
struct Sampled {
  double value, dy, dx;
};

Sampled sample(const Plane& plane, double y, double x) {
  const int top = std::min(static_cast<int>(y), plane.side() - 2),
            left = std::min(static_cast<int>(x), plane.side() - 2);
  const double down = y - top, right = x - left;
  const double a = plane.at(top, left), b = plane.at(top, left + 1);
  const double c = plane.at(top + 1, left), d = plane.at(top + 1, left + 1);
  const double upper = a + right * (b - a), lower = c + right * (d - c);
  return {upper + down * (lower - upper), lower - upper, (1 - down) * (b - a) + down * (d - c)};
}

/// Calls take(y, x, sampled) for the part's pixels that lie in the whole.
template <typename Take>
void for_each_common(const Plane& whole, const Alignment& fit, Take take) {
  const int side = whole.side();
  for (int y = 0; y < side; ++y) {
    const double from_y = place(fit.y, y, side);
    if (from_y < 0 || from_y > side - 1) continue;
    for (int x = 0; x < side; ++x) {
      const double from_x = place(fit.x, x, side);
      if (from_x >= 0 && from_x <= side - 1) take(y, x, sample(whole, from_y, from_x));
    }
  }
}

/// Pearson's, over what both show; 0 where that is too little.
double correlation(const Plane& whole, const Plane& part, const Alignment& fit) {
  double count = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for_each_common(whole, fit, [&](int y, int x, const Sampled& sampled) {
    const double other = part.at(y, x);
    ++count;
    a += sampled.value;
    b += other;
    aa += sampled.value * sampled.value;
    bb += other * other;
    ab += sampled.value * other;
  });
  if (count < 0.7 * part.side() * part.side()) return 0;
  const double spread = (aa - a * a / count) * (bb - b * b / count);
  return spread > 0 ? (ab - a * b / count) / std::sqrt(spread) : 0;
}

using Vector = std::array<double, kParameters>;
using Square = std::array<Vector, kParameters>;

/// Of symmetric, positive equations, by Gaussian elimination.
Vector solve(Square matrix, Vector right) {
  for (size_t i = 0; i < kParameters; ++i) {
    for (size_t row = i + 1; row < kParameters; ++row) {
      const double factor = matrix[row][i] / matrix[i][i];
      for (size_t column = i; column < kParameters; ++column) matrix[row][column] -= factor * matrix[i][column];
      right[row] -= factor * right[i];
    }
  }
  for (size_t i = kParameters; i-- > 0;) {
    for (size_t column = i + 1; column < kParameters; ++column) right[i] -= matrix[i][column] * right[column];
    right[i] /= matrix[i][i];
  }
  return right;
}

/// One step of least squares.
Vector step_of(const Plane& whole, const Plane& part, const Alignment& fit) {
  Square matrix{};
  Vector right{};
  const double centre = (part.side() - 1) / 2.0;
  for_each_common(whole, fit, [&](int y, int x, const Sampled& at) {
    const Vector slopes{at.dy * (y - centre), at.dx * (x - centre), at.dy, at.dx, at.value, 1};
    const double rest = part.at(y, x) - at.value;
    for (size_t i = 0; i < kParameters; ++i) {
      right[i] += slopes[i] * rest;
      for (size_t j = i; j < kParameters; ++j) matrix[i][j] += slopes[i] * slopes[j];
    }
  });
  for (size_t i = 0; i < kParameters; ++i) {
    for (size_t j = 0; j < i; ++j) matrix[i][j] = matrix[j][i];
    matrix[i][i] = matrix[i][i] * (1 + 1e-6) + 1e-3;
  }
  return solve(matrix, right);
}

void refine(const Plane& whole, const Plane& part, int steps, Alignment& fit) {
  constexpr double kMostStep = 0.05;
  const auto limited = [&](double step) { return std::clamp(step, -kMostStep, kMostStep); };
  for (int i = 0; i < steps; ++i) {
    Vector step = step_of(whole, part, fit);
    step[2] /= part.side();
    step[3] /= part.side();
    fit.y.scale += limited(step[0]);
    fit.x.scale += limited(step[1]);
    fit.y.shift += limited(step[2]);
    fit.x.shift += limited(step[3]);
    constexpr double kStill = 5e-4;
    if (std::all_of(step.begin(), step.begin() + 4, [](double change) { return std::abs(change) < kStill; })) return;
  }
}

double colour_difference(const SmallImage& whole, const SmallImage& part, const Alignment& fit) {
  constexpr int kSide = SmallImage::kColourSide, kCell = SmallImage::kSide / kSide;
  const auto cell = [](const AxisFit& axis, int i) {
    const double at = place(axis, i * kCell + kCell / 2, SmallImage::kSide) / kCell;
    return std::clamp(static_cast<int>(at), 0, kSide - 1);
  };
  int sum = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const int from_x = cell(fit.x, x);
      const auto from = static_cast<size_t>(cell(fit.y, y) * kSide + (fit.mirrored ? kSide - 1 - from_x : from_x)) * 2;
      const auto to = static_cast<size_t>(y * kSide + x) * 2;
      for (size_t channel = 0; channel < 2; ++channel) {
        sum += std::abs(whole.colour[from + channel] - part.colour[to + channel]);
      }
    }
  }
  return static_cast<double>(sum) / static_cast<double>(whole.colour.size());
}

/// As much of an image as both have, smoothed as small images are.
Plane plane_of(const Image& image, int side, bool mirrored) {
  std::vector<float> pixels(static_cast<size_t>(side * side * Image::kChannels));
  resize_antialiased_crop(image, side, side, {0, 0, side, side}, mirrored, pixels);
  Plane plane(side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x)
      plane.at(y, x) = luma_of(&pixels[static_cast<size_t>((y * side + x) * Image::kChannels)]);
  }
  return plane;
}

int short_side(const Image& image) { return std::min(image.height, image.width); }

}  // namespace

bool Alignment::may_be_duplicate() const {
  const auto fits = [](double scale) { return scale >= kLeastScale && scale <= kMostScale; };
  return likeness >= kLeastLikeness && colour <= kMostColour && fits(y.scale) && fits(x.scale);
}

bool Alignment::is_crop() const { return y.scale < kCropScale || x.scale < kCropScale; }

Alignment align(const SmallImage& whole, const SmallImage& part, const Pose& pose) {
  const Plane all = plane_of(whole, pose.mirrored), shown = plane_of(part, /*mirrored=*/false);
  const Plane coarse_all = all.halved(), coarse_shown = shown.halved();
  constexpr int kSteps = 6;
  Alignment fit{
      {pose.scale, pose.scale / 2 + pose.y - 0.5}, {pose.scale, pose.scale / 2 + pose.x - 0.5}, pose.mirrored};
  refine(coarse_all, coarse_shown, kSteps, fit);
  if (correlation(coarse_all, coarse_shown, fit) < kLeastCoarseLikeness) return {};
  refine(all, shown, kSteps, fit);
  fit.likeness = std::min(correlation(all, shown, fit), correlation(all.details(), shown.details(), fit));
  fit.colour = colour_difference(whole, part, fit);
  return fit;
}

bool are_same_details(const Image& whole, const Image& part, const Alignment& fit) {
  constexpr int kMostSide = 96, kSteps = 4;
  const int side = std::clamp(std::min(short_side(whole), short_side(part)), SmallImage::kSide, kMostSide);
  const Plane all = plane_of(whole, side, fit.mirrored), shown = plane_of(part, side, /*mirrored=*/false);
  Alignment fine = fit;
  refine(all, shown, kSteps, fine);
  const double like = correlation(all.details(), shown.details(), fine);
  return like >= kLeastFineLikeness;
}

}  // namespace assemble::check
