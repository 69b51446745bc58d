// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/random.h"
#include "assemble/image/image.h"
#include "assemble/train/mixup.h"

namespace assemble {

/// CutMix (Yun et al., arXiv 1905.04899): a window of each image is cut out of another one, and labels mix by areas.
/// One window serves the batch, as in the paper, in torchvision and by default in timm.

/// Window of which sides are the share √(1 - λ) of the image's, cut off at its borders: torchvision's rounding, so
/// sides are even before they are cut off.
/// @param lambda in [0, 1]
/// @param y, x the centre, in [0, height) and [0, width)
Window cut_window(int height, int width, double lambda, int y, int x);

/// λ ~ Beta(α, α), then the centre, uniformly.
Window draw_cut_window(int height, int width, double alpha, Random& random);

/// Pastes the window of each image's partner into it; labels become λ · own + (1 - λ) · partner's, λ the share of the
/// image that stays.
/// @param pairs who is whose partner, as for mix(); kOff: as kReversed, the batch reversed
/// @throws UsageError when the number of images is odd, for kHalves and kKeepBatch
LabelledBatch cut_mix(const LabelledBatch& batch, MixupType pairs, const Window& window);

}  // namespace assemble
