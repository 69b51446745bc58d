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

using ReadSize = ImageSize(std::span<const uint8_t> bytes, const std::string& where);
using Decode = Image(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                     const DecodeOptions& options);

struct Codec {
  ImageFormat format;
  ReadSize* read_size;
  Decode* decode;
};
/// Nothing for formats that this build does not read.
const Codec* find_codec(ImageFormat format);

int jpeg_components(std::span<const uint8_t> bytes, const std::string& where);

ReadSize read_jpeg_size, read_png_size, read_webp_size, read_bmp_size, read_gif_size, read_tiff_size, read_heif_size;
Decode decode_jpeg, decode_png, decode_webp, decode_bmp, decode_gif, decode_tiff, decode_heif;

/// @param what is wrong with the file
[[noreturn]] void refuse_broken(const std::string& where, const std::string& what);

}  // namespace assemble::codecs
