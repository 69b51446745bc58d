// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/decode.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "assemble/core/error.h"
#include "codec/codecs.h"
#include "codec/exif.h"

namespace assemble {
namespace {

using ByteSpan = std::span<const uint8_t>;

bool has(ByteSpan bytes, size_t offset, std::string_view text) {
  return bytes.size() >= offset + text.size() && std::memcmp(bytes.data() + offset, text.data(), text.size()) == 0;
}

[[noreturn]] void refuse_unknown(ByteSpan bytes, const std::string& where) {
  constexpr const char* kHint = "convert it to JPEG, PNG or WebP, or remove it";
  if (bytes.empty()) throw InputError(where, "the file is empty", "copy it again or remove it");
  const struct {
    size_t offset;
    std::string_view signature;
    const char* name;
  } known[] = {{0, "GIF8", "GIF"},
               {0, "BM", "BMP"},
               {0, std::string_view("II*\0", 4), "TIFF"},
               {0, std::string_view("MM\0*", 4), "TIFF"},
               {4, "ftypavif", "AVIF"},
               {4, "ftyphei", "HEIC"},
               {4, "jP  ", "JPEG 2000"}};
  for (const auto& format : known) {
    if (has(bytes, format.offset, format.signature)) {
      throw InputError(where, concat(format.name, " is not supported"), kHint);
    }
  }
  throw InputError(where, "not a JPEG, PNG or WebP image (unknown first bytes)", kHint);
}

void check_size(ImageSize size, const std::string& where, const DecodeOptions& options) {
  if (int64_t{size.height} * size.width > options.max_pixels) {
    throw InputError(where,
                     concat("image of ", size.width, "×", size.height, " pixels; at most ", options.max_pixels,
                            " pixels are decoded"),
                     "scale it down or raise the limit");
  }
}

void check_window(const Window& window, ImageSize size, const std::string& where) {
  if (window.lies_in(size.height, size.width)) return;
  throw InputError(where, concat("window of ", window.width, "×", window.height, " at (", window.x, ", ", window.y,
                                 ") leaves the image of ", size.width, "×", size.height, " pixels"));
}

}  // namespace

Decoding parse_decoding(const std::string& text) { return kDecodings.parse(text); }

int decode_reduction(const Window& window, const DecodeOptions& options) {
  int reduction = 1;
  if (options.decoding != Decoding::kFast || options.wanted_side < 1) return reduction;
  const int64_t side = std::min(window.height, window.width);
  while (reduction < 8 && side >= int64_t{2} * reduction * options.wanted_side) reduction *= 2;
  return reduction;
}

ImageFormat detect_format(ByteSpan bytes) {
  if (has(bytes, 0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (has(bytes, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP")) return ImageFormat::kWebP;
  return ImageFormat::kUnknown;
}

const char* format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebP:
      return "WebP";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

ImageSize read_image_size(ByteSpan bytes, const std::string& where) {
  switch (detect_format(bytes)) {
    case ImageFormat::kJpeg:
      return codecs::read_jpeg_size(bytes, where);
    case ImageFormat::kPng:
      return codecs::read_png_size(bytes, where);
    case ImageFormat::kWebP:
      return codecs::read_webp_size(bytes, where);
    case ImageFormat::kUnknown:
      break;
  }
  refuse_unknown(bytes, where);
}

bool is_cmyk_jpeg(ByteSpan bytes, const std::string& where) {
  return detect_format(bytes) == ImageFormat::kJpeg && codecs::jpeg_components(bytes, where) == 4;
}

Image decode_image(ByteSpan bytes, const std::string& where, const DecodeOptions& options) {
  return decode_window(
      bytes, where,
      [](ImageSize size) {
        return Window{0, 0, size.height, size.width};
      },
      options);
}

Image decode_window(ByteSpan bytes, const std::string& where, const std::function<Window(ImageSize)>& choose,
                    const DecodeOptions& options) {
  const ImageFormat format = detect_format(bytes);
  const int orientation = options.apply_exif_orientation ? exif_orientation(bytes) : 1;
  const auto choose_stored = [&](ImageSize stored) {
    check_size(stored, where, options);
    const ImageSize turned = turned_size(stored, orientation);
    const Window window = choose(turned);
    check_window(window, turned, where);
    return stored_window(window, stored, orientation);
  };
  Image image;
  switch (format) {
    case ImageFormat::kJpeg:
      image = codecs::decode_jpeg(bytes, where, choose_stored, options);
      break;
    case ImageFormat::kPng:
      image = codecs::decode_png(bytes, where, choose_stored);
      break;
    case ImageFormat::kWebP:
      image = codecs::decode_webp(bytes, where, choose_stored);
      break;
    case ImageFormat::kUnknown:
      refuse_unknown(bytes, where);
  }
  return orientation == 1 ? image : turn(image, orientation);
}

}  // namespace assemble
