// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/image/image.h"

namespace assemble {

/// The image scaled so that its longer side is at most `side` pixels, as Pillow does it; smaller ones stay as they are.
Image shrunk(const Image& image, int side);

}  // namespace assemble
