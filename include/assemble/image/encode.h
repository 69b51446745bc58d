// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// JPEG, 4:2:0, quality 1…100 (libjpeg-turbo's tables, as PIL and OpenCV write it).
/// @throws InputError for sides above 65500, which no JPEG has
Bytes encode_jpeg(const Image& image, int quality);
/// The same JPEG, pixel for pixel, in a form of which decode_window reads little more than the window: one baseline
/// scan with a restart marker after every few MCUs, where decoding can begin anew. Metadata (EXIF, ICC, comments) is
/// dropped.
/// @param where file or record, named in errors
/// @throws InputError when the JPEG is broken, or uses arithmetic coding or 12 bits
Bytes seekable_jpeg(std::span<const uint8_t> jpeg, const std::string& where);
/// PNG, 8-bit RGB.
Bytes encode_png(const Image& image);

}  // namespace assemble
