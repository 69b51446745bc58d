// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "assemble/image/image.h"
#include "assemble/image/preprocess.h"

namespace assemble {

/// Input of a frame that was cut already: resized to eval_size where it has another size, mean subtracted.
/// @param output exactly eval_size² · 3 floats, HWC
void preprocess_frame(const Image& frame, const Preprocessing& preprocessing, std::span<float> output);

}  // namespace assemble
