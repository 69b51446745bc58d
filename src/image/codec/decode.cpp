// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/decode.h"

#include <algorithm>
#include <iterator>

#include "assemble/core/error.h"
#include "codec/codecs.h"
#include "codec/exif.h"

namespace assemble {
namespace {

using ByteSpan = std::span<const uint8_t>;

using codecs::Codec;

constexpr Codec kCodecs[] = {
    {ImageFormat::kJpeg, codecs::read_jpeg_size, codecs::decode_jpeg},
    {ImageFormat::kPng, codecs::read_png_size, codecs::decode_png},
    {ImageFormat::kWebP, codecs::read_webp_size, codecs::decode_webp},
    {ImageFormat::kBmp, codecs::read_bmp_size, codecs::decode_bmp},
#ifdef ASSEMBLE_GIF
    {ImageFormat::kGif, codecs::read_gif_size, codecs::decode_gif},
#endif
#ifdef ASSEMBLE_TIFF
    {ImageFormat::kTiff, codecs::read_tiff_size, codecs::decode_tiff},
#endif
#ifdef ASSEMBLE_HEIF
    {ImageFormat::kHeic, codecs::read_heif_size, codecs::decode_heif},
    {ImageFormat::kAvif, codecs::read_heif_size, codecs::decode_heif},
#endif
};

const char* library_of(ImageFormat format) {
  if (format == ImageFormat::kGif) return "giflib";
  return format == ImageFormat::kTiff ? "libtiff 4.5" : "libheif";
}

/// @throws InputError saying what the bytes are instead
const Codec& codec_of(ByteSpan bytes, const std::string& where) {
  const ImageFormat format = detect_format(bytes);
  if (const Codec* codec = codecs::find_codec(format)) return *codec;
  if (bytes.empty()) throw InputError(where, "the file is empty", "copy it again or remove it");
  const std::string hint = concat("convert it to ", readable_formats("or"), ", or remove it");
  if (format == ImageFormat::kUnknown)
    throw InputError(where, "no image of a known format (unknown first bytes)", hint);
  throw InputError(
      where, concat("this build reads no ", format_name(format), ": it was built without ", library_of(format)), hint);
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

const Codec* codecs::find_codec(ImageFormat format) {
  const auto found = std::ranges::find(kCodecs, format, &Codec::format);
  return found == std::end(kCodecs) ? nullptr : &*found;
}

void codecs::refuse_broken(const std::string& where, const std::string& what) {
  throw InputError(where, what, "copy it again, save it anew or remove it");
}

ImageSize read_image_size(ByteSpan bytes, const std::string& where) {
  return codec_of(bytes, where).read_size(bytes, where);
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
  const Codec& codec = codec_of(bytes, where);
  const int orientation = options.apply_exif_orientation ? exif_orientation(bytes) : 1;
  const auto choose_stored = [&](ImageSize stored) {
    check_size(stored, where, options);
    const ImageSize turned = turned_size(stored, orientation);
    const Window window = choose(turned);
    check_window(window, turned, where);
    return stored_window(window, stored, orientation);
  };
  Image image = codec.decode(bytes, where, choose_stored, options);
  return orientation == 1 ? image : turn(image, orientation);
}

}  // namespace assemble
