// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// JPEG, 4:2:0, quality 1…100 (libjpeg-turbo's tables, as PIL and OpenCV write it).
Bytes encode_jpeg(const Image& image, int quality);
/// PNG, 8-bit RGB.
Bytes encode_png(const Image& image);

}  // namespace assemble
