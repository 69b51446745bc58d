// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/cutmix.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assemble {
namespace {

bool keeps_all(MixupType pairs) { return pairs == MixupType::kOff || pairs == MixupType::kReversed; }

/// The images that are pasted into.
torch::Tensor own(const torch::Tensor& whole, MixupType pairs) {
  if (keeps_all(pairs)) return whole;
  const torch::Tensor first = whole.narrow(0, 0, whole.size(0) / 2);
  return pairs == MixupType::kHalves ? first : torch::cat({first, first});
}

/// Of each of those, the one that the window comes from.
torch::Tensor partners(const torch::Tensor& whole, MixupType pairs) {
  if (keeps_all(pairs)) return whole.flip(0);
  const int64_t half = whole.size(0) / 2;
  const torch::Tensor second = whole.narrow(0, half, half);
  return pairs == MixupType::kHalves ? second : torch::cat({second, second.flip(0)});
}

torch::Tensor paste(const torch::Tensor& images, MixupType pairs, const Window& window) {
  const auto cut = [&](const torch::Tensor& all) {
    return all.narrow(2, window.y, window.height).narrow(3, window.x, window.width);
  };
  torch::Tensor pasted = own(images, pairs).clone();
  cut(pasted).copy_(partners(cut(images), pairs));
  return pasted;
}

torch::Tensor mix_labels(const torch::Tensor& labels, MixupType pairs, double lambda) {
  return labels.defined() ? partners(labels, pairs).lerp(own(labels, pairs), lambda) : labels;
}

}  // namespace

Window cut_window(int height, int width, double lambda, int y, int x) {
  const double half_share = 0.5 * std::sqrt(1 - lambda);
  const int half_height = static_cast<int>(half_share * height), half_width = static_cast<int>(half_share * width);
  const int top = std::max(y - half_height, 0), bottom = std::min(y + half_height, height);
  const int left = std::max(x - half_width, 0), right = std::min(x + half_width, width);
  return {top, left, bottom - top, right - left};
}

Window draw_cut_window(int height, int width, double alpha, Random& random) {
  const double lambda = random.beta(alpha, alpha);
  const int y = static_cast<int>(random.integer(static_cast<uint64_t>(height)));
  const int x = static_cast<int>(random.integer(static_cast<uint64_t>(width)));
  return cut_window(height, width, lambda, y, x);
}

LabelledBatch cut_mix(const LabelledBatch& batch, MixupType pairs, const Window& window) {
  require_pairs(pairs, batch.images.size(0));
  const auto pixels = static_cast<double>(batch.images.size(2) * batch.images.size(3));
  const double lambda = 1 - window.height * static_cast<double>(window.width) / pixels;
  return {paste(batch.images, pairs, window), mix_labels(batch.labels, pairs, lambda),
          mix_labels(batch.teacher_labels, pairs, lambda)};
}

}  // namespace assemble
