// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "assemble/core/file.h"

namespace assemble {

/// Formats of image files. JPEG, PNG, WebP and BMP are always read; GIF, TIFF, HEIC and AVIF where the library was
/// built with giflib, libtiff and libheif (see reads_format()), which are loaded with the first such image.
enum class ImageFormat { kJpeg, kPng, kWebP, kBmp, kGif, kTiff, kHeic, kAvif, kUnknown };

/// What the bytes are, by their signature and not by file extension.
ImageFormat detect_format(std::span<const uint8_t> bytes);

/// What a file's extension says that it is, in any case: the one list of those that data sets are made of.
ImageFormat format_of_extension(const fs::path& file);

/// "JPEG"; "unknown" for kUnknown.
const char* format_name(ImageFormat format);

/// Whether this build decodes a format.
bool reads_format(ImageFormat format);

/// The formats that this build decodes: "JPEG, PNG, WebP and BMP".
/// @param conjunction stands before the last
std::string readable_formats(std::string_view conjunction = "and");

}  // namespace assemble
