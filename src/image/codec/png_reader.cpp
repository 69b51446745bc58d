// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "assemble/core/error.h"
#include "codec/codecs.h"

namespace assemble::codecs {
namespace {

/// Leaves the C library by longjmp, so no frame between guard() and it may own anything.
class PngReader {
 public:
  PngReader(std::span<const uint8_t> bytes, const std::string& where) : where_(where), rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, [](png_structp, png_const_charp) {});
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw RunError(where, "out of memory for the PNG decoder");
    }
    png_set_read_fn(png_, this, supply);
    try {
      guard([&] {
        // Texts, colour profiles and the like are not needed, and compressed ones can be made huge.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_read_info(png_, info_);
      });
    } catch (...) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw;
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  ImageSize size() const {
    return {static_cast<int>(png_get_image_height(png_, info_)), static_cast<int>(png_get_image_width(png_, info_))};
  }

  Image decode(const Window& window) {
    guard([&] { set_output(); });
    const ImageSize size = this->size();
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    if (row_bytes != size_t{Image::kChannels} * size.width) {
      throw InputError(where_, concat("PNG rows of ", row_bytes, " bytes for ", size.width, " pixels"));
    }
    return png_get_interlace_type(png_, info_) == PNG_INTERLACE_NONE ? read_rows(window, row_bytes)
                                                                     : read_interlaced(window);
  }

 private:
  template <typename Step>
  void guard(Step step) {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      refuse_broken(where_, std::string("broken PNG: ") + message_);
    }
    step();
  }

  static void leave(png_structp png, png_const_charp message) {
    auto self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(self->message_, message, sizeof(self->message_) - 1);
    png_longjmp(png, 1);
  }

  static void supply(png_structp png, png_bytep out, size_t count) {
    auto self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "the file ends early");
    std::copy_n(self->rest_.data(), count, out);
    self->rest_ = self->rest_.subspan(count);
  }

  /// 8-bit RGB, whatever is stored; 16 bits lose their low byte, as the original has it.
  void set_output() {
    const int color = png_get_color_type(png_, info_);
    if (png_get_bit_depth(png_, info_) == 16) png_set_strip_16(png_);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) < 8) png_set_expand_gray_1_2_4_to_8(png_);
    if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  Image read_rows(const Window& window, size_t row_bytes) {
    Image image = Image::create(window.height, window.width);
    std::vector<uint8_t> scratch(row_bytes);
    guard([&] {
      for (int y = 0; y < window.y; ++y) png_read_row(png_, scratch.data(), nullptr);
      for (int y = 0; y < window.height; ++y) {
        png_read_row(png_, scratch.data(), nullptr);
        std::copy_n(scratch.data() + window.x * Image::kChannels, window.width * Image::kChannels, image.row(y));
      }
    });
    return image;
  }

  Image read_interlaced(const Window& window) {
    Image image = Image::create(size().height, size().width);
    std::vector<png_bytep> rows(image.height);
    for (int y = 0; y < image.height; ++y) rows[y] = image.row(y);
    guard([&] { png_read_image(png_, rows.data()); });
    return crop(image, window);
  }

  const std::string& where_;
  std::span<const uint8_t> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  char message_[256] = "";
};

}  // namespace

ImageSize read_png_size(std::span<const uint8_t> bytes, const std::string& where) {
  return PngReader(bytes, where).size();
}

Image decode_png(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                 const DecodeOptions& options) {
  PngReader reader(bytes, where);
  return reader.decode(choose(reader.size()));
}

}  // namespace assemble::codecs
