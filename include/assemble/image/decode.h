// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "assemble/core/choice.h"
#include "assemble/image/format.h"
#include "assemble/image/image.h"

namespace assemble {

/// How a JPEG is decoded.
enum class Decoding {
  kExact,  ///< accurate integer DCT and fancy upsampling: the original's pixels
  /// Fast integer DCT and plain chroma upsampling (pixels differ by a few levels of 255 at colour edges), and, where
  /// more than twice as many pixels are decoded as are wanted, a DCT of 1/2, 1/4 or 1/8 of the size (each pixel is
  /// then the mean of a square, which also takes away aliasing).
  kFast,
};
inline constexpr auto kDecodings =
    choices<Decoding>("decoding", {{Decoding::kExact, "exact"}, {Decoding::kFast, "fast"}});
/// From "exact" or "fast". @throws UsageError for anything else
Decoding parse_decoding(const std::string& text);

/// What becomes of an image's EXIF orientation tag.
enum class ExifRule {
  kIgnore,  ///< pixels as stored, as TensorFlow, torchvision and timm read them
  kTurn,    ///< turned and mirrored as the tag says, as viewers, OpenCV and Ultralytics do
};
inline constexpr auto kExifRules =
    choices<ExifRule>("exif", {{ExifRule::kIgnore, "ignore"}, {ExifRule::kTurn, "turn"}});

struct DecodeOptions {
  Decoding decoding = Decoding::kExact;
  /// With Decoding::kFast, the size that the window will be scaled to: it may come back smaller than asked for, by
  /// 1/2, 1/4 or 1/8 (rounded up), but not smaller than this. 0: always in full size.
  int wanted_side = 0;
  /// Turn and mirror by the EXIF orientation tag (JPEG, PNG, WebP, TIFF). Off: pixels as stored, like the original
  /// (TensorFlow ignores EXIF). HEIC and AVIF are turned by what their format says in any case.
  bool apply_exif_orientation = false;
  /// Images with more pixels than this are refused before memory is taken for them.
  int64_t max_pixels = int64_t{200} * 1000 * 1000;
  /// Accept a JPEG whose tail is missing (the rest is gray); off: InputError, as the original does. A file that lacks
  /// nothing but its end marker, and damage that the decoder can step over, are accepted in any case.
  bool allow_truncated = false;
  /// Colour at the left and right border of a JPEG window is interpolated as if the image ended there, as the original
  /// does (TensorFlow's decode_and_crop_jpeg); off: a window is the same as a crop of the whole image.
  bool window_ends_image = false;
  /// JPEG: the fast, less exact integer DCT (ifast), which TensorFlow takes where it is asked for none.
  bool fast_dct = false;
};

/// By how much a JPEG's window is shrunk while it is decoded: 1, 2, 4 or 8 (1 unless Decoding::kFast with a
/// wanted_side).
int decode_reduction(const Window& window, const DecodeOptions& options);

/// Size as stored in the header, before any turn.
struct ImageSize {
  int height = 0;
  int width = 0;
};

/// Reads the header alone.
/// @throws InputError as decode_image does
ImageSize read_image_size(std::span<const uint8_t> bytes, const std::string& where);

/// EXIF orientation tag of a JPEG, PNG, WebP or TIFF: 1…8 (2, 4, 5 and 7 mirror too), 1 when there is none or it is
/// malformed.
int exif_orientation(std::span<const uint8_t> bytes);

/// Does a JPEG hold four colour components (CMYK or YCCK)?
/// @throws InputError when its header is broken
bool is_cmyk_jpeg(std::span<const uint8_t> bytes, const std::string& where);

/// Decodes an image to RGB. Gray is repeated, CMYK and YCCK (Adobe inverted too) converted, 10 and 16 bits reduced to
/// 8, alpha dropped, palettes expanded, of an animation or of several pages the first taken. JPEG: accurate integer DCT
/// (islow) and fancy upsampling, the same bytes as libjpeg-turbo's default and as the original's INTEGER_ACCURATE.
/// @param where file and record, named in errors
/// @throws InputError when the format is unknown or not read by this build, the data broken or the image too large
Image decode_image(std::span<const uint8_t> bytes, const std::string& where, const DecodeOptions& options = {});

/// Decodes the window that `choose` picks once the size is known. Of a JPEG only the rows and MCU columns needed are
/// decoded; the result equals decode_image followed by a crop, byte for byte (unless window_ends_image). With
/// apply_exif_orientation, size and window are those of the turned image. With DecodeOptions::wanted_side the image
/// may be smaller than the window.
/// @throws InputError as decode_image does, and when the window leaves the image
Image decode_window(std::span<const uint8_t> bytes, const std::string& where,
                    const std::function<Window(ImageSize)>& choose, const DecodeOptions& options = {});

}  // namespace assemble
