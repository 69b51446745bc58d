// SPDX-License-Identifier: Apache-2.0
#include "codec/exif.h"

#include <webp/demux.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace assemble {
namespace {

using ByteSpan = std::span<const uint8_t>;

constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint16_t kShortType = 3;

/// Numbers in either byte order, bounds-checked.
class TiffReader {
 public:
  TiffReader(ByteSpan bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<uint64_t> number(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
    uint64_t value = 0;
    for (uint64_t i = 0; i < size; ++i) {
      value |= uint64_t{bytes_[offset + i]} << (8 * (big_endian_ ? size - 1 - i : i));
    }
    return value;
  }

 private:
  ByteSpan bytes_;
  bool big_endian_;
};

bool starts_with(ByteSpan bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// Of a TIFF file or of an EXIF block, which is one. Numbers of BigTIFF are wider.
int orientation_of_tiff(ByteSpan tiff) {
  constexpr uint64_t kBigTiff = 43;
  const bool big_endian = starts_with(tiff, "MM");
  if (!big_endian && !starts_with(tiff, "II")) return 1;
  const TiffReader reader(tiff, big_endian);
  const auto version = reader.number(2, 2);
  if (version != 42U && version != kBigTiff) return 1;
  const bool big = version == kBigTiff;
  const auto directory = big ? reader.number(8, 8) : reader.number(4, 4);
  if (!directory || *directory > tiff.size()) return 1;
  const uint64_t count_size = big ? 8 : 2, entry_size = big ? 20 : 12;
  const auto entries = reader.number(*directory, count_size);
  if (!entries) return 1;
  for (uint64_t i = 0, entry = *directory + count_size; i < *entries; ++i, entry += entry_size) {
    const auto tag = reader.number(entry, 2);
    const auto type = reader.number(entry + 2, 2);
    const auto value = reader.number(entry + entry_size - (big ? 8 : 4), 2);
    if (!tag || !type || !value) return 1;
    if (*tag != kOrientationTag) continue;
    return *type == kShortType && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

ByteSpan without_exif_prefix(ByteSpan bytes) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  return starts_with(bytes, kPrefix) ? bytes.subspan(kPrefix.size()) : bytes;
}

int orientation_of_jpeg(ByteSpan bytes) {
  constexpr uint8_t kApp1 = 0xE1, kStartOfScan = 0xDA, kEnd = 0xD9;
  size_t at = 2;
  while (at + 4 <= bytes.size() && bytes[at] == 0xFF) {
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == kStartOfScan || marker == kEnd) break;
    const size_t length = size_t{bytes[at + 2]} << 8 | bytes[at + 3];
    if (length < 2 || at + 2 + length > bytes.size()) break;
    const ByteSpan segment = bytes.subspan(at + 4, length - 2);
    if (marker == kApp1 && starts_with(segment, "Exif")) return orientation_of_tiff(without_exif_prefix(segment));
    at += 2 + length;
  }
  return 1;
}

int orientation_of_png(ByteSpan bytes) {
  const TiffReader reader(bytes, true);
  for (uint64_t at = 8;;) {
    const auto length = reader.number(at, 4);
    if (!length || at + 12 + *length > bytes.size()) return 1;
    if (starts_with(bytes.subspan(at + 4), "eXIf")) {
      return orientation_of_tiff(without_exif_prefix(bytes.subspan(at + 8, *length)));
    }
    at += 12 + uint64_t{*length};
  }
}

int orientation_of_webp(ByteSpan bytes) {
  const WebPData data{bytes.data(), bytes.size()};
  WebPDemuxer* demuxer = WebPDemux(&data);
  if (demuxer == nullptr) return 1;
  int orientation = 1;
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
    orientation = orientation_of_tiff(without_exif_prefix({chunk.chunk.bytes, chunk.chunk.size}));
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  WebPDemuxDelete(demuxer);
  return orientation;
}

// Orientations 5…8 exchange rows and columns; after that, some count stored rows or columns from the end.
bool exchanges_axes(int orientation) { return orientation >= 5; }
bool rows_from_end(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}
bool columns_from_end(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

}  // namespace

int exif_orientation(ByteSpan bytes) {
  switch (detect_format(bytes)) {
    case ImageFormat::kJpeg:
      return orientation_of_jpeg(bytes);
    case ImageFormat::kPng:
      return orientation_of_png(bytes);
    case ImageFormat::kWebP:
      return orientation_of_webp(bytes);
    case ImageFormat::kTiff:
      return orientation_of_tiff(bytes);
    default:
      return 1;
  }
}

ImageSize turned_size(ImageSize stored, int orientation) {
  return exchanges_axes(orientation) ? ImageSize{stored.width, stored.height} : stored;
}

Window stored_window(const Window& turned, ImageSize stored, int orientation) {
  Window window = turned;
  if (exchanges_axes(orientation)) {
    std::swap(window.y, window.x);
    std::swap(window.height, window.width);
  }
  if (rows_from_end(orientation)) window.y = stored.height - window.y - window.height;
  if (columns_from_end(orientation)) window.x = stored.width - window.x - window.width;
  return window;
}

Image turn(const Image& stored, int orientation) {
  const ImageSize size = turned_size({stored.height, stored.width}, orientation);
  Image image = Image::create(size.height, size.width);
  for (int y = 0; y < size.height; ++y) {
    uint8_t* target = image.row(y);
    for (int x = 0; x < size.width; ++x, target += Image::kChannels) {
      const Window source = stored_window({y, x, 1, 1}, {stored.height, stored.width}, orientation);
      std::copy_n(stored.row(source.y) + source.x * Image::kChannels, Image::kChannels, target);
    }
  }
  return image;
}

}  // namespace assemble
