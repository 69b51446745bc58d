// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/data/check.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"

namespace assemble {

Bytes thumbnail(const Dataset& dataset, int64_t index, int side) {
  constexpr int kQuality = 80;
  try {
    const Sample sample = dataset.read(index);
    const DecodeOptions options{.decoding = Decoding::kFast, .wanted_side = side, .apply_exif_orientation = true};
    const Image image = decode_image(sample.encoded, sample.name, options);
    const double scale = std::min(1.0, static_cast<double>(side) / std::max(image.height, image.width));
    const auto scaled = [&](int length) { return std::max(static_cast<int>(length * scale), 1); };
    Image small = Image::create(scaled(image.height), scaled(image.width));
    resize_as_pillow(image, small.height, small.width, {0, 0, small.height, small.width}, small.pixels);
    return encode_jpeg(small, kQuality);
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace assemble
