// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "assemble/core/math.h"
#include "channels.h"
#include "corruptions/corruption.h"
#include "corruptions/filters.h"

namespace assemble::corruptions {
namespace {

/// Where scikit-image's gaussian() cuts its kernel off unless told otherwise.
constexpr double kTruncate = 4;

FieldSize size_of(const Image& image) { return {image.height, image.width, kChannels}; }

/// The generator means to swap each pixel with a neighbour, but its assignment of array views copies the neighbour
/// instead; the published images are made so.
void shuffle_locally(Image& image, int reach, Random& random) {
  const int rows = image.height - 2 * reach, columns = image.width - 2 * reach;
  if (rows < 1 || columns < 1) return;
  std::vector<uint32_t> words(static_cast<size_t>(rows) * columns);
  random.fill_words(words);
  const uint32_t* word = words.data();
  const auto draw = [reach](uint32_t half) { return static_cast<int>((half * 2 * reach) >> 16) - reach; };
  for (int y = image.height - reach; y > reach; --y) {
    for (int x = image.width - reach; x > reach; --x) {
      const uint8_t* from = image.row(y + draw(*word >> 16)) + (x + draw(*word & 0xFFFF)) * kChannels;
      std::copy_n(from, kChannels, image.row(y) + x * kChannels);
      ++word;
    }
  }
}

/// A disc smoothed by a small Gaussian, as the sum of two parts that are cheap to apply: the smoothed disc without
/// borders, and the few points where the generator's kernel differs because its grid ends there. What then is so near
/// to a whole level that the rounding of the generator's weights to floats decides is added up again with these.
class DefocusKernel {
 public:
  DefocusKernel(int radius, double sigma) : radius_(radius), grid_(std::max(radius, 8)), reach_(radius <= 8 ? 1 : 2) {
    int area = 0;
    for (int y = -radius; y <= radius; ++y) {
      half_.push_back(static_cast<int>(std::sqrt(static_cast<double>(radius * radius - y * y))));
      area += 2 * half_.back() + 1;
    }
    double sum = 0;
    for (int i = -reach_; i <= reach_; ++i) sum += math::exp(-0.5 * i * i / (sigma * sigma));
    for (int i = -reach_; i <= reach_; ++i) {
      smoothing_.push_back(static_cast<float>(math::exp(-0.5 * i * i / (sigma * sigma)) / sum));
    }
    scale_ = 1.0f / static_cast<float>(area);
    find_weights();
  }

  Image apply(const Image& image) const {
    const int pad = grid_ + reach_;
    const std::vector<double> padded = padded_levels(image.pixels.data(), size_of(image), pad, Border::kReflect101);
    const int wide = image.width + 2 * reach_, high = image.height + 2 * reach_;
    const std::vector<double> discs = disc_sums(padded, high, wide);
    const size_t stride = static_cast<size_t>(image.width + 2 * pad) * kChannels;
    const size_t row = static_cast<size_t>(wide) * kChannels;

    const std::vector<double> down_weights(smoothing_.begin(), smoothing_.end());
    std::vector<double> weights, exact_weights, down(row), out(static_cast<size_t>(image.width) * kChannels);
    for (const double value : smoothing_) weights.push_back(value * scale_);
    for (const Weight& correction : corrections_) weights.push_back(correction.value);
    for (const Weight& weight : weights_) exact_weights.push_back(weight.value);
    std::vector<const double*> down_taps(down_weights.size()), taps(weights.size()), exact_taps(weights_.size());
    const auto source = [&](int y, const Weight& weight) {
      return padded.data() + stride * (y + pad + weight.y) + static_cast<size_t>(pad + weight.x) * kChannels;
    };
    Image result = like(image);
    for (int y = 0; y < image.height; ++y) {
      for (size_t k = 0; k < down_taps.size(); ++k) down_taps[k] = discs.data() + row * (y + k);
      weighted_rows(down_taps, down_weights, row, down.data());
      for (size_t k = 0; k < smoothing_.size(); ++k) taps[k] = down.data() + k * kChannels;
      for (size_t k = 0; k < corrections_.size(); ++k) taps[smoothing_.size() + k] = source(y, corrections_[k]);
      weighted_rows(taps, weights, out.size(), out.data());
      if (!decided(out)) {
        for (size_t k = 0; k < weights_.size(); ++k) exact_taps[k] = source(y, weights_[k]);
        weighted_rows(exact_taps, exact_weights, out.size(), out.data());
      }
      to_levels(out, result.row(y));
    }
    return result;
  }

 private:
  struct Weight {
    int y = 0;
    int x = 0;
    double value = 0;
  };

  float disc(int y, int x) const { return y * y + x * x <= radius_ * radius_ ? scale_ : 0.0f; }
  double smoothed(int y, int x) const {
    double sum = 0;
    for (int j = -reach_; j <= reach_; ++j) {
      for (int i = -reach_; i <= reach_; ++i) {
        const double down = smoothing_[static_cast<size_t>(j + reach_)];
        sum += down * smoothing_[static_cast<size_t>(i + reach_)] * disc(y + j, x + i);
      }
    }
    return sum;
  }

  /// The generator's kernel: OpenCV's GaussianBlur of the disc, in its order and with the fused multiply-adds that it
  /// has on processors with AVX2. Without them a few weights differ in their last bit.
  std::vector<float> generator_kernel() const {
    const int side = 2 * grid_ + 1;
    const auto inside = [&](int i) { return border_index(i, side, Border::kReflect101); };
    const auto weight = [&](int distance) { return smoothing_[static_cast<size_t>(reach_ + distance)]; };
    std::vector<float> across, kernel;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const auto at = [&](int i) { return disc(y - grid_, inside(x + i) - grid_); };
        const float pair = at(-1) + at(1);
        if (reach_ == 1) {
          across.push_back(std::fma(at(0), weight(0), pair * weight(1)));
        } else {
          across.push_back(std::fma(at(-2) + at(2), weight(2), std::fma(pair, weight(1), at(0) * weight(0))));
        }
      }
    }
    constexpr int kLanes = 8;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const auto at = [&](int j) { return across[static_cast<size_t>(inside(y + j)) * side + x]; };
        const bool fused = x < side / kLanes * kLanes;
        float sum = at(0) * weight(0);
        for (int j = 1; j <= reach_; ++j) {
          const float pair = at(-j) + at(j);
          sum = fused ? std::fma(pair, weight(j), sum) : sum + pair * weight(j);
        }
        kernel.push_back(sum);
      }
    }
    return kernel;
  }

  void find_weights() {
    constexpr double kRounding = 2e-7, kLost = 1e-15, kSums = 1e-9;
    const std::vector<float> kernel = generator_kernel();
    const int end = grid_ + reach_, side = 2 * grid_ + 1;
    margin_ = kSums;
    for (int y = -end; y <= end; ++y) {
      for (int x = -end; x <= end; ++x) {
        const bool on_grid = std::abs(y) <= grid_ && std::abs(x) <= grid_;
        const double weight = on_grid ? kernel[static_cast<size_t>(y + grid_) * side + x + grid_] : 0.0f;
        const double missing = weight - smoothed(y, x);
        if (weight > kLost) weights_.push_back({y, x, weight});
        if (std::abs(missing) > kRounding * scale_) {
          corrections_.push_back({y, x, missing});
        } else {
          margin_ += 255 * std::abs(missing);
        }
      }
    }
  }

  /// Whether no value in [1, 255] could be on the other side of a whole level.
  bool decided(std::span<const double> values) const {
    bool result = true;
    for (const double value : values) {
      const int nearest = static_cast<int>(value + 0.5);
      result &= nearest < 1 || nearest > 255 || std::abs(value - nearest) > margin_;
    }
    return result;
  }

  /// Sums over the disc around each pixel of the image widened by reach_: differences of running sums along rows.
  std::vector<double> disc_sums(const std::vector<double>& padded, int high, int wide) const {
    const int padded_width = wide + 2 * grid_, padded_height = high + 2 * grid_;
    const size_t row = static_cast<size_t>(padded_width) * kChannels, stride = row + kChannels;
    std::vector<int32_t> running(stride * padded_height);
    for (int y = 0; y < padded_height; ++y) {
      const double* from = padded.data() + row * y;
      int32_t* to = running.data() + stride * y;
      for (size_t i = 0; i < row; ++i) to[i + kChannels] = to[i] + static_cast<int32_t>(from[i]);
    }
    std::vector<double> sums(static_cast<size_t>(wide) * kChannels * high);
    std::vector<int32_t> line(static_cast<size_t>(wide) * kChannels);
    for (int y = 0; y < high; ++y) {
      std::fill(line.begin(), line.end(), 0);
      for (int dy = -radius_; dy <= radius_; ++dy) {
        const int half = half_[static_cast<size_t>(dy + radius_)];
        const int32_t* at = running.data() + stride * (y + grid_ + dy);
        const int32_t* begin = at + static_cast<ptrdiff_t>(grid_ - half) * kChannels;
        const int32_t* end = at + static_cast<ptrdiff_t>(grid_ + half + 1) * kChannels;
        for (size_t i = 0; i < line.size(); ++i) line[i] += end[i] - begin[i];
      }
      std::copy(line.begin(), line.end(), sums.begin() + static_cast<ptrdiff_t>(line.size()) * y);
    }
    return sums;
  }

  int radius_;
  int grid_;               ///< the generator's kernel goes from -grid_ to grid_
  int reach_;              ///< of the smoothing
  std::vector<int> half_;  ///< half widths of the disc's rows
  std::vector<float> smoothing_;
  float scale_ = 1;
  std::vector<Weight> weights_;      ///< the generator's
  std::vector<Weight> corrections_;  ///< of the smoothed disc, where the grid ends
  double margin_ = 0;                ///< of levels, by which the generator's rounded weights may differ
};

}  // namespace

Image gaussian_blur(const Image& image, Call& call) {
  return gaussian_blurred(image, call.pick<double>({1, 2, 3, 4, 6}), kTruncate);
}

Image glass_blur(const Image& image, Call& call) {
  struct Parameters {
    double sigma;
    int reach;
    int passes;
  };
  const auto [sigma, reach, passes] =
      call.pick<Parameters>({{{0.7, 1, 2}, {0.9, 2, 1}, {1, 2, 3}, {1.1, 3, 2}, {1.5, 4, 2}}});
  Image shuffled = gaussian_blurred(image, sigma, kTruncate);
  for (int pass = 0; pass < passes; ++pass) shuffle_locally(shuffled, reach, call.random);
  return gaussian_blurred(shuffled, sigma, kTruncate);
}

Image defocus_blur(const Image& image, Call& call) {
  static const std::array<DefocusKernel, kCorruptionSeverities> kernels{DefocusKernel(3, 0.1), DefocusKernel(4, 0.5),
                                                                        DefocusKernel(6, 0.5), DefocusKernel(8, 0.5),
                                                                        DefocusKernel(10, 0.5)};
  return call.pick(kernels).apply(image);
}

Image motion_blur(const Image& image, Call& call) {
  struct Parameters {
    int radius;
    double sigma;
  };
  const auto [radius, sigma] = call.pick<Parameters>({{{10, 3}, {15, 5}, {15, 8}, {15, 12}, {20, 15}}});
  Image result = like(image);
  motion_blur_levels(image.pixels.data(), size_of(image), radius, sigma, call.random.uniform(-45, 45),
                     result.pixels.data());
  return result;
}

Image zoom_blur(const Image& image, Call& call) {
  struct Parameters {
    double stop;
    double step;
  };
  const auto [stop, step] =
      call.pick<Parameters>({{{1.11, 0.01}, {1.16, 0.01}, {1.21, 0.02}, {1.26, 0.02}, {1.31, 0.03}}});
  // As numpy.arange(1, stop, step): rounding decides whether the last one belongs.
  const int count = static_cast<int>(std::ceil((stop - 1) / step));
  const double spacing = (1 + step) - 1;
  const std::vector<float> shares = to_shares(image);
  std::vector<float> sum(shares.size(), 0.f);
  for (int i = 0; i < count; ++i) add_clipped_zoom(shares, size_of(image), 1 + i * spacing, sum);
  Image result = like(image);
  for (size_t i = 0; i < sum.size(); ++i) {
    result.pixels[i] = level((shares[i] + sum[i]) / static_cast<float>(count + 1) * 255);
  }
  return result;
}

}  // namespace assemble::corruptions
