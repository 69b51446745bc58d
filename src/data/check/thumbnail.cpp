// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/data/check.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/shrink.h"

namespace assemble {

Bytes thumbnail(const Dataset& dataset, int64_t index, int side) {
  constexpr int kQuality = 80;
  try {
    const Sample sample = dataset.read(index);
    const DecodeOptions options{.decoding = Decoding::kFast, .wanted_side = side, .apply_exif_orientation = true};
    const Image image = decode_image(sample.encoded, sample.name, options);
    return encode_jpeg(shrunk(image, side), kQuality);
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace assemble
