// SPDX-License-Identifier: Apache-2.0
#include "preprocess_parts.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "made_size.h"
#include "resize/resize_axis.h"

namespace assemble {

void check_output(size_t size, int side, int views) {
  const size_t expected = size_t{Image::kChannels} * views * side * side;
  if (side < 1 || size != expected) {
    throw UsageError("preprocess",
                     concat("output of ", size, " floats, expected ", expected, " for ", side, "×", side));
  }
}

void subtract(std::span<float> pixels, const Colour& mean) {
  if (mean == Colour{}) return;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] -= mean[c];
  }
}

void divide(std::span<float> pixels, const Colour& deviation) {
  if (deviation == Colour{1.f, 1.f, 1.f}) return;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] /= deviation[c];
  }
}

DecodeOptions decode_options(const Preprocessing& preprocessing, Decoding decoding, int wanted_side) {
  DecodeOptions options;
  options.apply_exif_orientation = preprocessing.apply_exif_orientation;
  options.fast_dct = preprocessing.family == PreprocessingFamily::kInception;
  options.decoding = decoding;
  options.wanted_side = wanted_side;
  return options;
}

Image pad_to_square(const Image& image, const std::string& where) {
  const int side = std::max(image.height, image.width);
  check_made_size(side, side, where);
  Image result = Image::create(side, side);
  const int top = (side - image.height) / 2, left = (side - image.width) / 2;
  for (int y = 0; y < image.height; ++y) {
    std::copy_n(image.row(y), image.width * Image::kChannels, result.row(top + y) + left * Image::kChannels);
  }
  return result;
}

void resize_crop(const Image& image, ImageSize scaled, const Window& crop, Mirror mirror,
                 const Preprocessing& preprocessing, const Colour& mean, std::span<float> output) {
  if (preprocessing.antialias) {
    const ResizeFilter filter = preprocessing.bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
    resize_antialiased_crop(image, scaled.height, scaled.width, crop, mirror != Mirror::kNo, output, filter);
    subtract(output, mean);
    return;
  }
  const Axis rows = make_axis(image.height, scaled.height, crop.y, crop.height, false);
  Axis columns = make_axis(image.width, scaled.width, crop.x, crop.width, mirror == Mirror::kBefore);
  if (mirror == Mirror::kAfter) std::reverse(columns.begin(), columns.end());
  resize_along(image, rows, columns, mean, output);
}

void mirror_copy(std::span<const float> from, std::span<float> to, int side) {
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      std::copy_n(&from[(size_t{1} * y * side + x) * 3], 3, &to[(size_t{1} * y * side + side - 1 - x) * 3]);
    }
  }
}

}  // namespace assemble
