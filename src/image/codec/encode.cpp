// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/encode.h"

#include <png.h>

#include <algorithm>

#include "assemble/core/error.h"
#include "codec/jpeg_library.h"

namespace assemble {
namespace {

void check_image(const Image& image, const char* where) {
  if (image.height < 1 || image.width < 1 ||
      image.pixels.size() != size_t{Image::kChannels} * image.height * image.width) {
    throw UsageError(where, concat("image of ", image.width, "×", image.height, " pixels with ", image.pixels.size(),
                                   " bytes; expected 3 bytes a pixel, sizes of at least 1"));
  }
}

void append_png(png_structp png, png_bytep data, size_t count) {
  auto bytes = static_cast<Bytes*>(png_get_io_ptr(png));
  bytes->insert(bytes->end(), data, data + count);
}

}  // namespace

Bytes encode_jpeg(const Image& image, int quality) {
  check_image(image, "encode_jpeg");
  if (quality < 1 || quality > 100) throw UsageError("encode_jpeg", concat("quality ", quality, ", expected 1…100"));
  if (std::max(image.height, image.width) > JPEG_MAX_DIMENSION) {
    throw InputError("encode_jpeg",
                     concat("image of ", image.width, "×", image.height, " pixels; a JPEG's sides have at most ",
                            JPEG_MAX_DIMENSION),
                     "crop it, or store it as PNG");
  }
  codecs::JpegErrors errors{};
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = codecs::leave_jpeg;
  codecs::JpegTarget target(errors.manager);
  if (setjmp(errors.jump) != 0) throw UsageError("encode_jpeg", errors.message);
  j_compress_ptr compress = target.open();
  compress->image_width = image.width;
  compress->image_height = image.height;
  compress->input_components = Image::kChannels;
  compress->in_color_space = JCS_RGB;
  jpeg_set_defaults(compress);
  jpeg_set_quality(compress, quality, TRUE);
  jpeg_start_compress(compress, TRUE);
  while (compress->next_scanline < compress->image_height) {
    auto row = const_cast<JSAMPROW>(image.row(static_cast<int>(compress->next_scanline)));
    jpeg_write_scanlines(compress, &row, 1);
  }
  jpeg_finish_compress(compress);
  return target.bytes();
}

Bytes encode_png(const Image& image) {
  check_image(image, "encode_png");
  Bytes bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    throw UsageError("encode_png", concat("cannot encode ", image.width, "×", image.height, " pixels"));
  }
  png_set_write_fn(png, &bytes, append_png, nullptr);
  png_set_IHDR(png, info, image.width, image.height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < image.height; ++y) png_write_row(png, image.row(y));
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

}  // namespace assemble
