// SPDX-License-Identifier: Apache-2.0
// One look at one image: what all checks need of it.
#pragma once

#include <string>

#include "assemble/data/dataset.h"
#include "assemble/image/decode.h"
#include "check/small_image.h"

namespace assemble::check {

/// Figures of an image's pixels. Levels are of 255.
struct Measures {
  /// Strength of the steepest edges (second differences) in the softest of four directions, relative to the contrast
  /// over eight pixels there: below 0.1 where an edge is spread over some five pixels, 0.2 and more in photos.
  double sharpness = 1;
  int contrast = 0;      ///< of eight pixels' distance, at the 99th percentile, in that direction
  int dark_end = 0;      ///< 95 % of the pixels are no brighter
  int bright_end = 0;    ///< 95 % of the pixels are no darker
  int colour = 0;        ///< 99 % of the pixels have less difference between their channels
  double deviation = 0;  ///< standard deviation of a pixel, the largest of the channels
};

struct Look {
  std::string contents;  ///< hash of the file
  std::string broken;    ///< why it cannot be read; empty: it can
  ImageFormat format = ImageFormat::kUnknown;
  int orientation = 1;  ///< EXIF
  ImageSize size;       ///< as it is shown
  int64_t label = -1;
  std::string name;  ///< of the sample
  Measures measures;
  SmallImage small;
};

Measures measure(const Image& image);

/// Decodes an image as all are looked at: turned by its EXIF tag, its short side below 256 pixels.
/// @param size takes the image's own
/// @throws InputError as decode_image() does
Image decode_reduced(const Sample& sample, ImageSize& size);

/// Reads and decodes an image, at a reduced size where JPEG allows. Defects are part of the result.
Look look_at(const Dataset& dataset, int64_t index);

}  // namespace assemble::check
