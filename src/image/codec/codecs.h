// SPDX-License-Identifier: Apache-2.0
// One decoder a format, behind decode.h.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "assemble/image/decode.h"

namespace assemble::codecs {

/// Told the stored size, refuses it or picks the stored pixels wanted. Called before memory is taken for pixels.
using ChooseWindow = std::function<Window(ImageSize)>;

ImageSize read_jpeg_size(std::span<const uint8_t> bytes, const std::string& where);
int jpeg_components(std::span<const uint8_t> bytes, const std::string& where);
ImageSize read_png_size(std::span<const uint8_t> bytes, const std::string& where);
ImageSize read_webp_size(std::span<const uint8_t> bytes, const std::string& where);

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                  const DecodeOptions& options);
Image decode_png(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose);
Image decode_webp(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose);

}  // namespace assemble::codecs
