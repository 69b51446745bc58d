// SPDX-License-Identifier: Apache-2.0
#include <tiffio.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <memory>
#include <vector>

#include "assemble/core/error.h"
#include "codec/codecs.h"
#include "codec/shared_library.h"

namespace assemble::codecs {
namespace {

struct TiffFunctions {
  TiffFunctions() {
    const SharedLibrary library("TIFF", ASSEMBLE_TIFF, ASSEMBLE_TIFF_PACKAGE);
    library.look_up("TIFFOpenOptionsAlloc", options_alloc);
    library.look_up("TIFFOpenOptionsFree", options_free);
    library.look_up("TIFFOpenOptionsSetMaxSingleMemAlloc", set_most_memory);
    library.look_up("TIFFOpenOptionsSetErrorHandlerExtR", set_error_handler);
    library.look_up("TIFFOpenOptionsSetWarningHandlerExtR", set_warning_handler);
    library.look_up("TIFFClientOpenExt", open);
    library.look_up("TIFFClose", close);
    library.look_up("TIFFGetField", get_field);
    library.look_up("TIFFSetField", set_field);
    library.look_up("TIFFIsTiled", is_tiled);
    library.look_up("TIFFRGBAImageOK", rgba_ok);
    library.look_up("TIFFRGBAImageBegin", rgba_begin);
    library.look_up("TIFFRGBAImageGet", rgba_get);
    library.look_up("TIFFRGBAImageEnd", rgba_end);
  }

  decltype(&TIFFOpenOptionsAlloc) options_alloc;
  decltype(&TIFFOpenOptionsFree) options_free;
  decltype(&TIFFOpenOptionsSetMaxSingleMemAlloc) set_most_memory;
  decltype(&TIFFOpenOptionsSetErrorHandlerExtR) set_error_handler;
  decltype(&TIFFOpenOptionsSetWarningHandlerExtR) set_warning_handler;
  decltype(&TIFFClientOpenExt) open;
  decltype(&TIFFClose) close;
  decltype(&TIFFGetField) get_field;
  decltype(&TIFFSetField) set_field;
  decltype(&TIFFIsTiled) is_tiled;
  decltype(&TIFFRGBAImageOK) rgba_ok;
  decltype(&TIFFRGBAImageBegin) rgba_begin;
  decltype(&TIFFRGBAImageGet) rgba_get;
  decltype(&TIFFRGBAImageEnd) rgba_end;
};

/// A file in memory, as libtiff reads it.
struct TiffMemory {
  std::span<const uint8_t> bytes;
  uint64_t at = 0;
  std::string error = {};  ///< the first

  static TiffMemory& of(thandle_t handle) { return *static_cast<TiffMemory*>(handle); }

  static tmsize_t read(thandle_t handle, void* out, tmsize_t count) {
    TiffMemory& self = of(handle);
    const uint64_t there = self.bytes.size() - std::min<uint64_t>(self.at, self.bytes.size());
    const uint64_t given = std::min<uint64_t>(static_cast<uint64_t>(count), there);
    std::copy_n(self.bytes.data() + self.bytes.size() - there, given, static_cast<uint8_t*>(out));
    self.at += given;
    return static_cast<tmsize_t>(given);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return -1; }
  static toff_t seek(thandle_t handle, toff_t offset, int origin) {
    TiffMemory& self = of(handle);
    return self.at = offset + (origin == SEEK_CUR ? self.at : origin == SEEK_END ? self.bytes.size() : 0);
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return of(handle).bytes.size(); }
  /// libtiff reads it, and writes to it as little as to a file that is opened for reading.
  static int map(thandle_t handle, void** begin, toff_t* size) {
    *begin = const_cast<uint8_t*>(of(handle).bytes.data());
    *size = of(handle).bytes.size();
    return 1;
  }
  static void unmap(thandle_t, void*, toff_t) {}

  static int keep_error(TIFF*, void* user, const char*, const char* format, va_list values) {
    auto self = static_cast<TiffMemory*>(user);
    char text[256];
    if (self->error.empty() && std::vsnprintf(text, sizeof(text), format, values) > 0) self->error = text;
    return 1;
  }
  static int drop_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

/// The first page, without its orientation. Palettes, CMYK, YCbCr, L*a*b*, 1 to 16 bits, strips and tiles are libtiff's
/// affair.
class TiffReader {
 public:
  TiffReader(std::span<const uint8_t> bytes, const std::string& where)
      : tiff_(functions_for<TiffFunctions>(where)), where_(where), memory_{bytes}, file_(nullptr, tiff_.close) {
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(tiff_.options_alloc(),
                                                                               tiff_.options_free);
    tiff_.set_most_memory(options.get(), kMostMemory);
    tiff_.set_error_handler(options.get(), TiffMemory::keep_error, &memory_);
    tiff_.set_warning_handler(options.get(), TiffMemory::drop_warning, nullptr);
    // Mapped: of small tiles that it reads without, libtiff 4.5 compares the size with that of its buffer.
    file_.reset(tiff_.open(where_.c_str(), "r", &memory_, TiffMemory::read, TiffMemory::write, TiffMemory::seek,
                           TiffMemory::close, TiffMemory::size, TiffMemory::map, TiffMemory::unmap, options.get()));
    if (!file_) fail();
    uint32_t width = 0, height = 0;
    tiff_.get_field(file_.get(), TIFFTAG_IMAGEWIDTH, &width);
    tiff_.get_field(file_.get(), TIFFTAG_IMAGELENGTH, &height);
    if (width < 1 || height < 1 || width > INT_MAX || height > INT_MAX) {
      refuse_broken(where_, concat("broken TIFF: ", width, "×", height, " pixels"));
    }
    size_ = {static_cast<int>(height), static_cast<int>(width)};
  }

  ImageSize size() const { return size_; }

  Image decode(const Window& window) {
    keep_colour_of_transparent();
    char reason[1024] = "";
    if (!tiff_.rgba_ok(file_.get(), reason)) {
      throw InputError(where_, concat("a TIFF that is not read: ", reason), "save it anew or remove it");
    }
    TIFFRGBAImage reader;
    if (!tiff_.rgba_begin(&reader, file_.get(), /*stop on error*/ 1, reason)) fail(reason);
    const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> ended(&reader, tiff_.rgba_end);
    reader.req_orientation = reader.orientation;  // rows and columns stay where they are
    Image image = Image::create(window.height, window.width);
    // As many rows at once as are stored together: what is decoded is decoded once.
    const int band = rows_stored_together();
    std::vector<uint32_t> pixels;
    for (int top = window.y / band * band; top < window.y + window.height; top += band) {
      const int rows = std::min(band, size_.height - top);
      pixels.resize(static_cast<size_t>(rows) * size_.width);
      reader.row_offset = top;
      if (!tiff_.rgba_get(&reader, pixels.data(), static_cast<uint32_t>(size_.width), static_cast<uint32_t>(rows))) {
        fail();
      }
      copy(pixels, top, rows, window, image);
    }
    return image;
  }

 private:
  static constexpr tmsize_t kMostMemory = tmsize_t{1} << 31;

  [[noreturn]] void fail(const std::string& reason = "it cannot be decoded") const {
    refuse_broken(where_, "broken TIFF: " + (memory_.error.empty() ? reason : memory_.error));
  }

  /// Said to be no transparency, the fourth channel does not darken the others; it is dropped, as that of PNG is.
  void keep_colour_of_transparent() {
    uint16_t count = 0;
    uint16_t* kinds = nullptr;
    if (!tiff_.get_field(file_.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds) || count == 0) return;
    std::vector<uint16_t> unspecified(count, EXTRASAMPLE_UNSPECIFIED);
    tiff_.set_field(file_.get(), TIFFTAG_EXTRASAMPLES, static_cast<int>(count), unspecified.data());
  }

  int rows_stored_together() const {
    uint32_t rows = 0;
    tiff_.get_field(file_.get(), tiff_.is_tiled(file_.get()) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, &rows);
    return static_cast<int>(std::clamp<int64_t>(rows, 1, size_.height));
  }

  void copy(const std::vector<uint32_t>& pixels, int top, int rows, const Window& window, Image& image) const {
    const int end = std::min(top + rows, window.y + window.height);
    for (int y = std::max(top, window.y); y < end; ++y) {
      const uint32_t* from = pixels.data() + static_cast<size_t>(y - top) * size_.width + window.x;
      uint8_t* to = image.row(y - window.y);
      for (int x = 0; x < window.width; ++x, to += Image::kChannels) {
        to[0] = static_cast<uint8_t>(TIFFGetR(from[x]));
        to[1] = static_cast<uint8_t>(TIFFGetG(from[x]));
        to[2] = static_cast<uint8_t>(TIFFGetB(from[x]));
      }
    }
  }

  const TiffFunctions& tiff_;
  const std::string& where_;
  TiffMemory memory_;
  std::unique_ptr<TIFF, void (*)(TIFF*)> file_;
  ImageSize size_;
};

}  // namespace

ImageSize read_tiff_size(std::span<const uint8_t> bytes, const std::string& where) {
  return TiffReader(bytes, where).size();
}

Image decode_tiff(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                  const DecodeOptions& options) {
  TiffReader reader(bytes, where);
  return reader.decode(choose(reader.size()));
}

}  // namespace assemble::codecs
