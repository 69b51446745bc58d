// SPDX-License-Identifier: Apache-2.0
#include <gif_lib.h>

#include <algorithm>
#include <vector>

#include "assemble/core/error.h"
#include "codec/codecs.h"
#include "codec/shared_library.h"

namespace assemble::codecs {
namespace {

struct GifFunctions {
  GifFunctions() {
    const SharedLibrary library("GIF", ASSEMBLE_GIF, ASSEMBLE_GIF_PACKAGE);
    library.look_up("DGifOpen", open);
    library.look_up("DGifCloseFile", close);
    library.look_up("DGifGetRecordType", record_type);
    library.look_up("DGifGetImageDesc", image_desc);
    library.look_up("DGifGetLine", line);
    library.look_up("DGifGetExtension", extension);
    library.look_up("DGifGetExtensionNext", extension_next);
    library.look_up("GifErrorString", error_string);
  }

  decltype(&DGifOpen) open;
  decltype(&DGifCloseFile) close;
  decltype(&DGifGetRecordType) record_type;
  decltype(&DGifGetImageDesc) image_desc;
  decltype(&DGifGetLine) line;
  decltype(&DGifGetExtension) extension;
  decltype(&DGifGetExtensionNext) extension_next;
  decltype(&GifErrorString) error_string;
};

/// The first frame, on a canvas that is as large as the file says and as the frame needs.
class GifReader {
 public:
  GifReader(std::span<const uint8_t> bytes, const std::string& where)
      : gif_(functions_for<GifFunctions>(where)), where_(where), rest_(bytes) {
    int error = 0;
    file_ = gif_.open(this, supply, &error);
    if (file_ == nullptr) fail(error);
    try {
      seek_first_frame();
    } catch (...) {
      gif_.close(file_, nullptr);
      throw;
    }
  }
  ~GifReader() { gif_.close(file_, nullptr); }
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;

  ImageSize size() const {
    const GifImageDesc& frame = file_->Image;
    return {std::max(file_->SHeight, frame.Top + frame.Height), std::max(file_->SWidth, frame.Left + frame.Width)};
  }

  /// Transparency is dropped, as that of palettes in PNG files is: what lies around a smaller frame has the transparent
  /// colour, or the palette's first where there is none.
  Image decode(const Window& window) {
    const GifImageDesc& frame = file_->Image;
    const ColorMapObject* palette = frame.ColorMap != nullptr ? frame.ColorMap : file_->SColorMap;
    if (palette == nullptr) refuse_broken(where_, "broken GIF: it has no palette");
    const auto put = [&](int index, uint8_t* rgb) {
      const GifColorType color = index < palette->ColorCount ? palette->Colors[index] : GifColorType{0, 0, 0};
      rgb[0] = color.Red;
      rgb[1] = color.Green;
      rgb[2] = color.Blue;
    };
    Image image = Image::create(window.height, window.width);
    for (uint8_t *rgb = image.pixels.data(), *end = rgb + image.pixels.size(); rgb != end; rgb += Image::kChannels) {
      put(background_, rgb);
    }
    std::vector<GifPixelType> line(static_cast<size_t>(frame.Width));
    const int from = std::max(window.x, frame.Left);
    const int to = std::min(window.x + window.width, frame.Left + frame.Width);
    for (const int row : order_of_rows()) {
      if (gif_.line(file_, line.data(), frame.Width) != GIF_OK) fail(file_->Error);
      const int y = frame.Top + row - window.y;
      if (y < 0 || y >= window.height) continue;
      for (int x = from; x < to; ++x) {
        put(line[static_cast<size_t>(x - frame.Left)], image.row(y) + (x - window.x) * Image::kChannels);
      }
    }
    return image;
  }

 private:
  [[noreturn]] void fail(int error) const {
    const char* reason = gif_.error_string(error);
    refuse_broken(where_, concat("broken GIF: ", reason == nullptr ? "the file ends early" : reason));
  }

  static int supply(GifFileType* file, GifByteType* out, int count) {
    auto self = static_cast<GifReader*>(file->UserData);
    const size_t given = std::min(static_cast<size_t>(count), self->rest_.size());
    std::copy_n(self->rest_.data(), given, out);
    self->rest_ = self->rest_.subspan(given);
    return static_cast<int>(given);
  }

  void seek_first_frame() {
    for (;;) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      if (gif_.record_type(file_, &type) != GIF_OK) fail(file_->Error);
      if (type == IMAGE_DESC_RECORD_TYPE) break;
      if (type == TERMINATE_RECORD_TYPE) refuse_broken(where_, "broken GIF: it holds no image");
      if (type == EXTENSION_RECORD_TYPE) read_extension();
    }
    if (gif_.image_desc(file_) != GIF_OK) fail(file_->Error);
    if (file_->Image.Width < 1 || file_->Image.Height < 1) refuse_broken(where_, "broken GIF: its image is empty");
  }

  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;  // its length comes first
    if (gif_.extension(file_, &code, &block) != GIF_OK) fail(file_->Error);
    while (block != nullptr) {
      if (code == GRAPHICS_EXT_FUNC_CODE && block[0] == 4 && (block[1] & 1) != 0) background_ = block[4];
      if (gif_.extension_next(file_, &block) != GIF_OK) fail(file_->Error);
    }
  }

  /// Interlaced rows come in four passes.
  std::vector<int> order_of_rows() const {
    constexpr int kPasses[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};  // first row and step
    constexpr int kOnePass[][2] = {{0, 1}};
    const bool interlaced = file_->Image.Interlace;
    std::vector<int> rows;
    for (const auto& [first, step] :
         interlaced ? std::span<const int[2]>(kPasses) : std::span<const int[2]>(kOnePass)) {
      for (int row = first; row < file_->Image.Height; row += step) rows.push_back(row);
    }
    return rows;
  }

  const GifFunctions& gif_;
  const std::string& where_;
  std::span<const uint8_t> rest_;
  GifFileType* file_ = nullptr;
  int background_ = 0;
};

}  // namespace

ImageSize read_gif_size(std::span<const uint8_t> bytes, const std::string& where) {
  return GifReader(bytes, where).size();
}

Image decode_gif(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                 const DecodeOptions& options) {
  GifReader reader(bytes, where);
  return reader.decode(choose(reader.size()));
}

}  // namespace assemble::codecs
