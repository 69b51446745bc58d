// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/core/random.h"

namespace assemble {

/// Mixup (Zhang et al., arXiv 1710.09412), as the original does it: one λ ~ Beta(α, α) a pair; max(λ, 1 - λ) for
/// kReversed.
enum class MixupType {
  kOff = 0,
  kHalves = 1,     ///< a double batch of 2B gives B: λ · first half + (1 - λ) · second half
  kKeepBatch = 2,  ///< B stays B: the first half mixed with the second, then with the second reversed, own λs
  kReversed = 3,  ///< B stays B: the batch mixed with itself reversed, a λ ≥ ½ an image (the original's tf2.1 branch)
};

/// Images [N, 3, H, W] with soft labels and, when defined, teacher's labels [N, C]; all mix alike.
struct LabelledBatch {
  torch::Tensor images;
  torch::Tensor labels;
  torch::Tensor teacher_labels;
};

/// @throws UsageError when a type that pairs the halves of a batch has an odd number of images
void require_pairs(MixupType type, int64_t images);

/// @param lambdas [N/2] for kHalves, [N] for kKeepBatch (the second half for the reversed pairs) and kReversed; f32
/// @throws UsageError when N is odd, for all but kReversed
LabelledBatch mix(const LabelledBatch& batch, MixupType type, const torch::Tensor& lambdas);

/// Draws the λs that mix() needs for a batch of N images.
torch::Tensor draw_lambdas(MixupType type, int64_t images, double alpha, Random& random);

}  // namespace assemble
