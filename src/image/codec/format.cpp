// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/format.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

#include "assemble/core/text.h"
#include "codec/codecs.h"

namespace assemble {
namespace {

using ByteSpan = std::span<const uint8_t>;

struct Format {
  ImageFormat format;
  const char* name;
  std::array<std::string_view, 8> extensions;  // the rest empty
};
constexpr Format kFormats[] = {
    {ImageFormat::kJpeg, "JPEG", {".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjp", ".pjpeg"}},
    {ImageFormat::kPng, "PNG", {".png"}},
    {ImageFormat::kWebP, "WebP", {".webp"}},
    {ImageFormat::kBmp, "BMP", {".bmp", ".dib"}},
    {ImageFormat::kGif, "GIF", {".gif"}},
    {ImageFormat::kTiff, "TIFF", {".tif", ".tiff"}},
    {ImageFormat::kHeic, "HEIC", {".heic", ".heif", ".hif"}},
    {ImageFormat::kAvif, "AVIF", {".avif"}}};

bool has(ByteSpan bytes, size_t offset, std::string_view text) {
  return bytes.size() >= offset + text.size() && std::memcmp(bytes.data() + offset, text.data(), text.size()) == 0;
}

/// Two letters alone would make images of texts.
bool is_bmp(ByteSpan bytes) {
  constexpr int kHeaderSizes[] = {12, 40, 52, 56, 64, 108, 124};
  return has(bytes, 0, "BM") && has(bytes, 15, std::string_view("\0\0\0", 3)) &&
         std::find(std::begin(kHeaderSizes), std::end(kHeaderSizes), bytes[14]) != std::end(kHeaderSizes);
}

bool is_tiff(ByteSpan bytes) {
  constexpr std::string_view kSignatures[] = {{"II*\0", 4}, {"MM\0*", 4}, {"II+\0", 4}, {"MM\0+", 4}};
  return std::any_of(std::begin(kSignatures), std::end(kSignatures),
                     [&](std::string_view signature) { return has(bytes, 0, signature); });
}

/// The file type box of HEIF (ISO/IEC 23008-12), which names what a file is compatible with.
ImageFormat format_of_brands(ByteSpan bytes) {
  constexpr size_t kMinorVersion = 12, kMostBrands = 32;
  if (!has(bytes, 4, "ftyp")) return ImageFormat::kUnknown;
  const size_t box = size_t{bytes[0]} << 24 | size_t{bytes[1]} << 16 | size_t{bytes[2]} << 8 | bytes[3];
  const size_t end = std::min({box, bytes.size(), 8 + 4 * kMostBrands});
  ImageFormat format = ImageFormat::kUnknown;
  for (size_t at = 8; at + 4 <= end; at += 4) {
    if (at == kMinorVersion) continue;
    if (has(bytes, at, "avif") || has(bytes, at, "avis")) return ImageFormat::kAvif;
    if (has(bytes, at, "hei") || has(bytes, at, "hev") || has(bytes, at, "mif1") || has(bytes, at, "msf1")) {
      format = ImageFormat::kHeic;
    }
  }
  return format;
}

}  // namespace

ImageFormat detect_format(ByteSpan bytes) {
  if (has(bytes, 0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (has(bytes, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP")) return ImageFormat::kWebP;
  if (is_bmp(bytes)) return ImageFormat::kBmp;
  if (has(bytes, 0, "GIF87a") || has(bytes, 0, "GIF89a")) return ImageFormat::kGif;
  return is_tiff(bytes) ? ImageFormat::kTiff : format_of_brands(bytes);
}

ImageFormat format_of_extension(const fs::path& file) {
  const std::string extension = to_lower(file.extension().string());
  if (extension.empty()) return ImageFormat::kUnknown;
  for (const Format& format : kFormats) {
    if (std::ranges::find(format.extensions, extension) != format.extensions.end()) return format.format;
  }
  return ImageFormat::kUnknown;
}

const char* format_name(ImageFormat format) {
  for (const Format& known : kFormats) {
    if (known.format == format) return known.name;
  }
  return "unknown";
}

bool reads_format(ImageFormat format) { return codecs::find_codec(format) != nullptr; }

std::string readable_formats(std::string_view conjunction) {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (reads_format(format.format)) names.emplace_back(format.name);
  }
  const std::string last = names.back();
  names.pop_back();
  return concat(join(names, ", "), " ", conjunction, " ", last);
}

}  // namespace assemble
