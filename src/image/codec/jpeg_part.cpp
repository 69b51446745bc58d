// SPDX-License-Identifier: Apache-2.0
#include "codec/jpeg_part.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace assemble::codecs {
namespace {

constexpr uint8_t kMarker = 0xFF;
constexpr uint8_t kFirstRestart = 0xD0, kLastRestart = 0xD7;
constexpr uint8_t kEndOfImage = 0xD9;
constexpr uint8_t kBaseline = 0xC0, kExtendedSequential = 0xC1;

using ByteSpan = std::span<const uint8_t>;

int divided_up(int value, int divisor) { return (value + divisor - 1) / divisor; }

/// First and last-but-one, in units of MCUs or intervals.
struct Range {
  int begin = 0, end = 0;
  int count() const { return end - begin; }
};

/// The units of `unit` pixels that hold begin - margin … end + margin of `size` pixels.
Range units(int begin, int end, int margin, int size, int unit) {
  return {std::max(begin - margin, 0) / unit, divided_up(std::min(end + margin, size), unit)};
}

/// Offset of the height in the frame header; 0 when there is none where it should be.
size_t find_frame_size(ByteSpan header) {
  size_t at = 2;
  while (at + 9 <= header.size() && header[at] == kMarker) {
    const uint8_t marker = header[at + 1];
    if (marker == kMarker) {
      ++at;
      continue;
    }
    if (marker == kBaseline || marker == kExtendedSequential) return at + 5;
    at += 2 + size_t{header[at + 2]} * 256 + header[at + 3];
  }
  return 0;
}

/// Where the first `count` restart intervals begin, and where the last of them ends; fewer when the markers between
/// them are not the expected ones.
std::vector<size_t> interval_bounds(ByteSpan jpeg, size_t scan_offset, int count) {
  std::vector<size_t> bounds{scan_offset};
  bounds.reserve(static_cast<size_t>(count) + 1);
  size_t at = scan_offset;
  while (static_cast<int>(bounds.size()) <= count) {
    const void* found = at + 1 < jpeg.size() ? std::memchr(jpeg.data() + at, kMarker, jpeg.size() - 1 - at) : nullptr;
    if (found == nullptr) break;
    at = static_cast<size_t>(static_cast<const uint8_t*>(found) - jpeg.data());
    const uint8_t marker = jpeg[at + 1];
    if (marker == 0) {
      at += 2;
    } else if (marker == kMarker) {
      ++at;
    } else if (marker == kFirstRestart + (bounds.size() - 1) % 8) {
      at += 2;
      bounds.push_back(at);
    } else {
      if (marker < kFirstRestart || marker > kLastRestart) bounds.push_back(at + 2);
      break;
    }
  }
  return bounds;
}

void put_16(Bytes& bytes, size_t offset, int value) {
  bytes[offset] = static_cast<uint8_t>(value >> 8);
  bytes[offset + 1] = static_cast<uint8_t>(value & 255);
}

}  // namespace

std::optional<JpegPart> cut_jpeg(ByteSpan jpeg, const JpegLayout& layout, const Window& window) {
  const int mcus_in_row = divided_up(layout.size.width, layout.mcu_width);
  const int interval = layout.restart_interval;
  if (mcus_in_row % interval != 0) return {};
  const int in_row = mcus_in_row / interval;
  const Range rows = units(window.y, window.y + window.height, layout.margin_y, layout.size.height, layout.mcu_height);
  const Range columns =
      units(window.x, window.x + window.width, layout.margin_x, layout.size.width, layout.mcu_width * interval);
  if (rows.count() * columns.count() * 10 >= rows.end * in_row * 9) return {};

  const size_t frame_size = find_frame_size(jpeg.first(layout.scan_offset));
  const int last = (rows.end - 1) * in_row + columns.end;
  const std::vector<size_t> bounds = interval_bounds(jpeg, layout.scan_offset, last);
  if (frame_size == 0 || static_cast<int>(bounds.size()) <= last) return {};

  JpegPart part;
  part.y = rows.begin * layout.mcu_height;
  part.x = columns.begin * layout.mcu_width * interval;
  part.bytes.reserve(layout.scan_offset +
                     (bounds[static_cast<size_t>(last)] - bounds[static_cast<size_t>(rows.begin * in_row)]) + 2);
  part.bytes.assign(jpeg.begin(), jpeg.begin() + static_cast<long>(layout.scan_offset));
  put_16(part.bytes, frame_size, std::min(rows.end * layout.mcu_height, layout.size.height) - part.y);
  put_16(part.bytes, frame_size + 2, std::min(columns.end * layout.mcu_width * interval, layout.size.width) - part.x);
  int copied = 0;
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) {
      const auto index = static_cast<size_t>(row * in_row + column);
      const auto begin = jpeg.begin() + static_cast<long>(bounds[index]);
      const auto end = jpeg.begin() + static_cast<long>(bounds[index + 1] - 2);
      part.bytes.insert(part.bytes.end(), begin, end);
      part.bytes.push_back(kMarker);
      part.bytes.push_back(static_cast<uint8_t>(kFirstRestart + copied++ % 8));
    }
  }
  part.bytes.back() = kEndOfImage;
  return part;
}

}  // namespace assemble::codecs
