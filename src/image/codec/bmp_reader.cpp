// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <vector>

#include "assemble/core/error.h"
#include "codec/codecs.h"

namespace assemble::codecs {
namespace {

using ByteSpan = std::span<const uint8_t>;

constexpr size_t kFileHeader = 14;
constexpr uint32_t kOfOs2 = 12, kPlain = 40;  // sizes of the second header

enum Compression : uint32_t { kNone = 0, kRunsOf8 = 1, kRunsOf4 = 2, kMasks = 3, kAlphaMasks = 6 };

/// The bits of a pixel that hold one channel, to 0…255.
class Mask {
 public:
  explicit Mask(uint32_t bits) : bits_(bits), shift_(std::countr_zero(bits)) {}
  uint8_t of(uint32_t pixel) const {
    if (bits_ == 0) return 0;
    return static_cast<uint8_t>(uint64_t{(pixel & bits_) >> shift_} * 255 / (bits_ >> shift_));
  }

 private:
  uint32_t bits_;
  int shift_;
};

/// Windows' and OS/2's bitmaps of 1 to 32 bits, with palettes, masks and runs. Rows lie from the bottom up, or with a
/// negative height from the top down.
class BmpReader {
 public:
  BmpReader(ByteSpan bytes, const std::string& where) : bytes_(bytes), where_(where) {
    header_ = number(kFileHeader, 4);
    const bool of_os2 = header_ == kOfOs2;
    width_ = of_os2 ? int64_t{number(18, 2)} : int64_t{static_cast<int32_t>(number(18, 4))};
    const int64_t height = of_os2 ? int64_t{number(20, 2)} : int64_t{static_cast<int32_t>(number(22, 4))};
    height_ = std::abs(height);
    from_top_ = height < 0;
    if (width_ < 1 || height_ < 1 || height_ > INT32_MAX) {
      refuse_broken(where_, concat("broken BMP: ", width_, "×", height, " pixels"));
    }
    bits_ = number(of_os2 ? 24 : 28, 2);
    compression_ = of_os2 ? kNone : number(30, 4);
    require_known();
    read_palette(of_os2 ? 3 : 4);
    const uint32_t data = number(10, 4);
    if (data > bytes_.size()) end_early();
    data_ = bytes_.subspan(data);
  }

  ImageSize size() const { return {static_cast<int>(height_), static_cast<int>(width_)}; }

  Image decode(const Window& window) const {
    if (compression_ == kRunsOf4 || compression_ == kRunsOf8) {
      const std::vector<uint8_t> indices = expand_runs();
      Image image = Image::create(window.height, window.width);
      for (int y = 0; y < window.height; ++y) {
        const uint8_t* row = indices.data() + stored_row(window.y + y) * width_ + window.x;
        for (int x = 0; x < window.width; ++x) put_index(row[x], image.row(y) + x * Image::kChannels);
      }
      return image;
    }
    const int64_t stride = (width_ * bits_ + 31) / 32 * 4;
    const int64_t last = (width_ * bits_ + 7) / 8;  // its padding may be missing
    const auto there = static_cast<int64_t>(data_.size());
    if (last > there || (height_ > 1 && stride > (there - last) / (height_ - 1))) end_early();
    Image image = Image::create(window.height, window.width);
    for (int y = 0; y < window.height; ++y) {
      unpack(data_.data() + stored_row(window.y + y) * stride, window.x, window.width, image.row(y));
    }
    return image;
  }

 private:
  [[noreturn]] void end_early() const { refuse_broken(where_, "broken BMP: the file ends early"); }

  uint32_t number(size_t offset, int size) const {
    if (offset + size > bytes_.size()) end_early();
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) value |= uint32_t{bytes_[offset + i]} << (8 * i);
    return value;
  }

  bool has_masks() const { return compression_ == kMasks || compression_ == kAlphaMasks; }

  void require_known() const {
    bool known = false;
    if (compression_ == kNone) {
      known = bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8 || bits_ == 16 || bits_ == 24 || bits_ == 32;
    } else if (has_masks()) {
      known = bits_ == 16 || bits_ == 32;
    } else {
      known = (compression_ == kRunsOf8 && bits_ == 8) || (compression_ == kRunsOf4 && bits_ == 4);
    }
    if (known) return;
    throw InputError(where_, concat("a BMP of ", bits_, " bits and compression ", compression_, ", which is not read"),
                     "save it anew or remove it");
  }

  /// Or the masks of pixels that have none.
  void read_palette(uint32_t entry_size) {
    if (bits_ > 8) {
      if (has_masks()) {
        for (int c = 0; c < Image::kChannels; ++c) masks_[c] = Mask(number(kFileHeader + kPlain + 4 * c, 4));
      } else if (bits_ == 16) {
        masks_ = {Mask(0x7C00), Mask(0x03E0), Mask(0x001F)};
      }
      return;
    }
    const uint32_t used = header_ == kOfOs2 ? 0 : number(46, 4);
    const uint32_t count = std::min(used == 0 ? 1U << bits_ : used, 1U << bits_);
    const uint64_t begin = uint64_t{kFileHeader} + header_;
    if (begin > bytes_.size()) end_early();
    const uint64_t there = (bytes_.size() - begin) / entry_size;
    for (uint32_t i = 0; i < std::min<uint64_t>(count, there); ++i) {
      const uint8_t* bgr = bytes_.data() + begin + size_t{i} * entry_size;
      std::reverse_copy(bgr, bgr + Image::kChannels, palette_[i].begin());
    }
  }

  int64_t stored_row(int y) const { return from_top_ ? y : height_ - 1 - y; }

  void put_index(uint8_t index, uint8_t* rgb) const { std::ranges::copy(palette_[index], rgb); }

  void unpack(const uint8_t* row, int from, int count, uint8_t* rgb) const {
    const uint32_t bytes = bits_ / 8;
    for (int x = from; x < from + count; ++x, rgb += Image::kChannels) {
      if (bits_ <= 8) {
        const int64_t bit = int64_t{x} * bits_;
        put_index(static_cast<uint8_t>(row[bit / 8] >> (8 - bits_ - bit % 8)) & ((1U << bits_) - 1), rgb);
        continue;
      }
      const uint8_t* pixel = row + size_t{bytes} * x;
      if (bits_ == 24 || (bits_ == 32 && !has_masks())) {
        std::reverse_copy(pixel, pixel + Image::kChannels, rgb);
        continue;
      }
      uint32_t value = 0;
      for (uint32_t i = 0; i < bytes; ++i) value |= uint32_t{pixel[i]} << (8 * i);
      for (int c = 0; c < Image::kChannels; ++c) rgb[c] = masks_[c].of(value);
    }
  }

  /// Palette indices of all rows as they are stored: runs of one index, indices one by one, and moves over pixels that
  /// stay 0.
  std::vector<uint8_t> expand_runs() const {
    std::vector<uint8_t> indices(static_cast<size_t>(width_) * height_);
    int64_t x = 0, y = 0;
    const auto put = [&](uint8_t index) {
      if (x < width_) indices[static_cast<size_t>(y * width_ + x)] = index;
      ++x;
    };
    const bool nibbles = compression_ == kRunsOf4;
    const auto index_of = [&](uint8_t byte, int i) {
      if (!nibbles) return byte;
      return static_cast<uint8_t>(i % 2 == 0 ? byte >> 4 : byte & 0xF);
    };
    for (size_t at = 0; y < height_;) {
      if (at + 2 > data_.size()) end_early();
      const uint8_t count = data_[at], value = data_[at + 1];
      at += 2;
      if (count > 0) {
        for (int i = 0; i < count; ++i) put(index_of(value, i));
      } else if (value == 0) {  // end of the row
        x = 0;
        ++y;
      } else if (value == 1) {  // end of the image
        break;
      } else if (value == 2) {
        if (at + 2 > data_.size()) end_early();
        x += data_[at];
        y += data_[at + 1];
        at += 2;
      } else {
        const size_t length = nibbles ? (value + 1) / 2 : value;
        if (at + length > data_.size()) end_early();
        for (int i = 0; i < value; ++i) put(index_of(data_[at + (nibbles ? i / 2 : i)], i));
        at += length + length % 2;
      }
    }
    return indices;
  }

  ByteSpan bytes_, data_;
  const std::string& where_;
  uint32_t header_ = 0, bits_ = 0, compression_ = kNone;
  int64_t width_ = 0, height_ = 0;
  bool from_top_ = false;
  std::array<std::array<uint8_t, Image::kChannels>, 256> palette_{};
  std::array<Mask, Image::kChannels> masks_{Mask(0), Mask(0), Mask(0)};
};

}  // namespace

ImageSize read_bmp_size(std::span<const uint8_t> bytes, const std::string& where) {
  return BmpReader(bytes, where).size();
}

Image decode_bmp(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                 const DecodeOptions& options) {
  const BmpReader reader(bytes, where);
  return reader.decode(choose(reader.size()));
}

}  // namespace assemble::codecs
