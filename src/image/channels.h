// SPDX-License-Identifier: Apache-2.0
// Channels of an image, by a short name for loops over pixels.
#pragma once

#include "assemble/image/image.h"

namespace assemble {

inline constexpr int kChannels = Image::kChannels;

}  // namespace assemble
