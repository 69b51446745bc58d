// SPDX-License-Identifier: Apache-2.0
#include "check/look.h"

#include <algorithm>

#include "assemble/core/checksum.h"
#include "assemble/core/encoding.h"
#include "assemble/core/error.h"

namespace assemble::check {
namespace {

/// Short sides from here on are halved, twice as much is decoded at least.
constexpr int kWantedSide = 128;

/// What went wrong, without the name that stands beside it.
std::string reason_of(const InputError& error) {
  const std::string what = error.what();
  return one_line(what.starts_with(error.where() + ": ") ? what.substr(error.where().size() + 2) : what);
}

/// Means of squares of pixels, as JPEGs are decoded small.
Image reduced(const Image& image, int by) {
  Image small = Image::create((image.height + by - 1) / by, (image.width + by - 1) / by);
  for (int y = 0; y < small.height; ++y) {
    const int bottom = std::min((y + 1) * by, image.height);
    for (int x = 0; x < small.width; ++x) {
      const int right = std::min((x + 1) * by, image.width);
      int sums[Image::kChannels] = {};
      for (int from_y = y * by; from_y < bottom; ++from_y) {
        const uint8_t* pixel = image.row(from_y) + x * by * Image::kChannels;
        for (int from_x = x * by; from_x < right; ++from_x) {
          for (int& sum : sums) sum += *pixel++;
        }
      }
      const int count = (bottom - y * by) * (right - x * by);
      uint8_t* target = small.row(y) + x * Image::kChannels;
      for (const int sum : sums) *target++ = static_cast<uint8_t>((sum + count / 2) / count);
    }
  }
  return small;
}

}  // namespace

Image decode_reduced(const Sample& sample, ImageSize& size) {
  const DecodeOptions options{.decoding = Decoding::kFast, .wanted_side = kWantedSide, .apply_exif_orientation = true};
  Window whole;
  const auto choose = [&](ImageSize own) {
    size = own;
    return whole = Window{0, 0, own.height, own.width};
  };
  Image image = decode_window(sample.encoded, sample.name, choose, options);
  const int reduction = decode_reduction(whole, options);
  const bool is_reduced = image.height < whole.height || image.width < whole.width;
  return reduction > 1 && !is_reduced ? reduced(image, reduction) : image;
}

Look look_at(const Dataset& dataset, int64_t index) {
  Look look;
  look.label = dataset.label(index);
  try {
    const Sample sample = dataset.read(index);
    look.label = sample.label;
    look.name = sample.name;
    look.contents = content_hash(sample.encoded);
    look.format = detect_format(sample.encoded);
    look.orientation = exif_orientation(sample.encoded);
    const Image image = decode_reduced(sample, look.size);
    look.measures = measure(image);
    look.small = small_image(image);
  } catch (const InputError& error) {
    if (look.name.empty()) look.name = error.where();
    look.broken = reason_of(error);
    look.size = {};
  }
  return look;
}

}  // namespace assemble::check
