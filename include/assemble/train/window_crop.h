// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/image/preprocess.h"

namespace assemble {

/// Training images of windows, where these lie: bilinear resize, mirroring, mean and deviation, to the bit what
/// preprocess_train() gives. Nothing waits for the device.
///
/// Memory: about 70 bytes a pixel of the result, for a moment.
/// @param pixels bytes [P · 3], the windows' rows one after the other (Batch::window_pixels)
/// @param windows int64 [N, 4]: first pixel, height, width, mirrored (Batch::windows), which must lie in `pixels`
/// @param side of the result
/// @param preprocessing one of is_plain_window()
/// @return [N, 3, side, side], channels last
torch::Tensor crop_windows(const torch::Tensor& pixels, const torch::Tensor& windows, int64_t side,
                           const Preprocessing& preprocessing);

}  // namespace assemble
