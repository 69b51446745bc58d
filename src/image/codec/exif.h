// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "assemble/image/decode.h"

namespace assemble {

/// Size of the turned image.
ImageSize turned_size(ImageSize stored, int orientation);
/// Where a window of the turned image lies in the stored one.
Window stored_window(const Window& turned, ImageSize stored, int orientation);
/// Turns and mirrors stored pixels as the tag says.
Image turn(const Image& stored, int orientation);

}  // namespace assemble
