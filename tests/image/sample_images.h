// SPDX-License-Identifier: Apache-2.0
// Images and encoded files that the tests of decoding and loading make themselves.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs cstdio before it.
#include <jpeglib.h>
#include <png.h>

#include <cmath>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/random.h"
#include "assemble/image/image.h"
#include "assemble/io/safetensors.h"

namespace assemble::test {

/// An image that a script has written: u8, HWC.
inline Image read_image(const SafetensorsFile& file, const std::string& name) {
  const std::vector<int64_t>& shape = file.entry(name).shape;
  return {static_cast<int>(shape.at(0)), static_cast<int>(shape.at(1)), file.read(name)};
}

/// Waves and noise: every block of a codec gets work.
inline Image wavy_image(int height, int width, uint64_t seed = 0) {
  Image image = Image::create(height, width);
  Random random(seed, RandomPurpose::kDraw);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width * 3; ++x) {
      const double wave = 90 * std::sin(0.11 * x + 0.07 * y * (1 + x % 3)) + 127;
      image.row(y)[x] = static_cast<uint8_t>(wave + random.uniform(-30, 30));
    }
  }
  return image;
}

struct JpegSettings {
  int horizontal_sampling = 2;  ///< of luma against chroma
  int vertical_sampling = 2;
  bool progressive = false;
  int restart_interval = 0;  ///< MCUs
  int components = 3;        ///< 1 gray, 3 colour, 4 CMYK
  bool adobe_marker = true;  ///< of CMYK
  bool ycck = false;         ///< CMYK stored as YCCK
  int exif_orientation = 0;  ///< 0: no EXIF segment
};

/// An EXIF block (TIFF, little-endian) that holds nothing but an orientation.
inline std::string exif_block(int orientation) {
  std::string block("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
  block += static_cast<char>(orientation);
  return block + std::string(7, '\0');
}

/// Encodes rows of interleaved components with libjpeg directly.
inline Bytes make_jpeg(int height, int width, const uint8_t* samples, const JpegSettings& settings) {
  jpeg_compress_struct compress{};
  jpeg_error_mgr errors{};
  compress.err = jpeg_std_error(&errors);
  jpeg_create_compress(&compress);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&compress, &data, &size);
  compress.image_height = height;
  compress.image_width = width;
  compress.input_components = settings.components;
  compress.in_color_space = settings.components == 1 ? JCS_GRAYSCALE : settings.components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&compress);
  if (settings.components == 4) jpeg_set_colorspace(&compress, settings.ycck ? JCS_YCCK : JCS_CMYK);
  if (settings.components == 4 && !settings.adobe_marker) compress.write_Adobe_marker = FALSE;
  jpeg_set_quality(&compress, 88, TRUE);
  if (settings.components == 3) {
    compress.comp_info[0].h_samp_factor = settings.horizontal_sampling;
    compress.comp_info[0].v_samp_factor = settings.vertical_sampling;
  }
  if (settings.progressive) jpeg_simple_progression(&compress);
  compress.restart_interval = settings.restart_interval;
  jpeg_start_compress(&compress, TRUE);
  if (settings.exif_orientation > 0) {
    const std::string segment = std::string("Exif\0\0", 6) + exif_block(settings.exif_orientation);
    jpeg_write_marker(&compress, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(segment.data()), segment.size());
  }
  while (compress.next_scanline < compress.image_height) {
    auto row =
        const_cast<JSAMPROW>(samples + static_cast<size_t>(compress.next_scanline) * width * settings.components);
    jpeg_write_scanlines(&compress, &row, 1);
  }
  jpeg_finish_compress(&compress);
  jpeg_destroy_compress(&compress);
  Bytes bytes(data, data + size);
  std::free(data);
  return bytes;
}

inline Bytes make_jpeg(const Image& image, const JpegSettings& settings = {}) {
  return make_jpeg(image.height, image.width, image.pixels.data(), settings);
}

struct PngSettings {
  int color_type = PNG_COLOR_TYPE_RGB;
  int bit_depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
};

/// Encodes packed rows with libpng directly.
inline Bytes make_png(int height, int width, const std::vector<uint8_t>& rows, const PngSettings& settings) {
  Bytes bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp writer, png_bytep data, size_t count) {
        auto out = static_cast<Bytes*>(png_get_io_ptr(writer));
        out->insert(out->end(), data, data + count);
      },
      nullptr);
  png_set_IHDR(png, info, width, height, settings.bit_depth, settings.color_type,
               settings.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!settings.palette.empty()) {
    png_set_PLTE(png, info, settings.palette.data(), static_cast<int>(settings.palette.size()));
  }
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  const size_t stride = rows.size() / height;
  for (int y = 0; y < height; ++y) pointers.push_back(const_cast<png_bytep>(rows.data() + y * stride));
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

}  // namespace assemble::test
