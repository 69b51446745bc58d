// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "assemble/core/file.h"
#include "assemble/image/decode.h"

namespace assemble::codecs {

/// What the header of a JPEG of one baseline scan says.
struct JpegLayout {
  size_t scan_offset = 0;  ///< of the first entropy-coded byte
  ImageSize size;
  int mcu_height = 8;  ///< pixels
  int mcu_width = 8;
  int restart_interval = 0;  ///< MCUs
  int margin_y = 0;          ///< pixels above and below a window that decoding it looks at
  int margin_x = 0;          ///< the same at its sides
};

/// A JPEG of some of another one's MCUs.
struct JpegPart {
  Bytes bytes;
  int y = 0;  ///< of its first pixel in the whole image
  int x = 0;
};

/// Copies the restart intervals that hold a window, with what chroma interpolation at its borders looks at, under a
/// header of their size (ITU-T T.81, B.2.1 and F.2.1.3.1: each interval is coded by itself). Nothing when intervals do
/// not divide rows of MCUs evenly, when markers up to the window's end are missing or out of order, or when nearly
/// everything would be copied.
std::optional<JpegPart> cut_jpeg(std::span<const uint8_t> jpeg, const JpegLayout& layout, const Window& window);

}  // namespace assemble::codecs
