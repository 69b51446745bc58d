// SPDX-License-Identifier: Apache-2.0
#include <libheif/heif.h>

#include <algorithm>
#include <memory>

#include "assemble/core/error.h"
#include "codec/codecs.h"
#include "codec/shared_library.h"

namespace assemble::codecs {
namespace {

struct HeifFunctions {
  HeifFunctions() {
    const SharedLibrary library("HEIC and AVIF", ASSEMBLE_HEIF, ASSEMBLE_HEIF_PACKAGE);
    library.look_up("heif_context_alloc", context_alloc);
    library.look_up("heif_context_free", context_free);
    library.look_up("heif_context_set_max_decoding_threads", set_threads);
    library.look_up("heif_context_read_from_memory_without_copy", read);
    library.look_up("heif_context_get_primary_image_handle", primary);
    library.look_up("heif_image_handle_release", handle_release);
    library.look_up("heif_image_handle_get_width", width);
    library.look_up("heif_image_handle_get_height", height);
    library.look_up("heif_decode_image", decode);
    library.look_up("heif_image_release", image_release);
    library.look_up("heif_image_get_width", plane_width);
    library.look_up("heif_image_get_height", plane_height);
    library.look_up("heif_image_get_plane_readonly", plane);
  }

  decltype(&heif_context_alloc) context_alloc;
  decltype(&heif_context_free) context_free;
  decltype(&heif_context_set_max_decoding_threads) set_threads;
  decltype(&heif_context_read_from_memory_without_copy) read;
  decltype(&heif_context_get_primary_image_handle) primary;
  decltype(&heif_image_handle_release) handle_release;
  decltype(&heif_image_handle_get_width) width;
  decltype(&heif_image_handle_get_height) height;
  decltype(&heif_decode_image) decode;
  decltype(&heif_image_release) image_release;
  decltype(&heif_image_get_width) plane_width;
  decltype(&heif_image_get_height) plane_height;
  decltype(&heif_image_get_plane_readonly) plane;
};

/// The primary image, turned, mirrored and cut as the file says.
class HeifReader {
 public:
  HeifReader(std::span<const uint8_t> bytes, const std::string& where)
      : heif_(functions_for<HeifFunctions>(where)),
        where_(where),
        name_(format_name(detect_format(bytes))),
        context_(heif_.context_alloc(), heif_.context_free),
        handle_(nullptr, heif_.handle_release) {
    if (!context_) throw RunError(where, concat("out of memory for the ", name_, " decoder"));
    heif_.set_threads(context_.get(), 0);  // that of the caller, of whom there are as many as cores
    require(heif_.read(context_.get(), bytes.data(), bytes.size(), nullptr));
    heif_image_handle* handle = nullptr;
    require(heif_.primary(context_.get(), &handle));
    handle_.reset(handle);
    if (size().width < 1 || size().height < 1) refuse_broken(where_, concat("broken ", name_, ": its image is empty"));
  }

  ImageSize size() const { return {heif_.height(handle_.get()), heif_.width(handle_.get())}; }

  Image decode(const Window& window) const {
    heif_image* decoded = nullptr;
    const heif_error error =
        heif_.decode(handle_.get(), &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB, nullptr);
    const std::unique_ptr<heif_image, void (*)(const heif_image*)> image(decoded, heif_.image_release);
    require(error);
    int stride = 0;
    const uint8_t* rows = heif_.plane(decoded, heif_channel_interleaved, &stride);
    const ImageSize found{heif_.plane_height(decoded, heif_channel_interleaved),
                          heif_.plane_width(decoded, heif_channel_interleaved)};
    if (rows == nullptr || found.height != size().height || found.width != size().width) {
      refuse_broken(where_, concat("broken ", name_, ": the image has another size than its header"));
    }
    Image result = Image::create(window.height, window.width);
    for (int y = 0; y < window.height; ++y) {
      std::copy_n(rows + static_cast<ptrdiff_t>(window.y + y) * stride + window.x * Image::kChannels,
                  window.width * Image::kChannels, result.row(y));
    }
    return result;
  }

 private:
  void require(const heif_error& error) const {
    if (error.code == heif_error_Ok) return;
    const bool lacks = error.code == heif_error_Unsupported_filetype || error.code == heif_error_Unsupported_feature;
    if (!lacks) refuse_broken(where_, concat("broken ", name_, ": ", error.message));
    throw InputError(where_, concat("a ", name_, " that the installed libheif cannot decode: ", error.message),
                     "convert it to JPEG or PNG, or install libheif's decoders");
  }

  const HeifFunctions& heif_;
  const std::string& where_;
  const char* name_;
  std::unique_ptr<heif_context, void (*)(heif_context*)> context_;
  std::unique_ptr<heif_image_handle, void (*)(const heif_image_handle*)> handle_;
};

}  // namespace

ImageSize read_heif_size(std::span<const uint8_t> bytes, const std::string& where) {
  return HeifReader(bytes, where).size();
}

Image decode_heif(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                  const DecodeOptions& options) {
  const HeifReader reader(bytes, where);
  return reader.decode(choose(reader.size()));
}

}  // namespace assemble::codecs
