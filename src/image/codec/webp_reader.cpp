// SPDX-License-Identifier: Apache-2.0
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "assemble/core/error.h"
#include "codec/codecs.h"

namespace assemble::codecs {
namespace {

WebPBitstreamFeatures read_features(std::span<const uint8_t> bytes, const std::string& where) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) refuse_broken(where, "truncated WebP: the header is not complete");
  if (status != VP8_STATUS_OK) refuse_broken(where, concat("broken WebP header (status ", status, ")"));
  return features;
}

Image decode_still(std::span<const uint8_t> bytes, const std::string& where, ImageSize size) {
  Image image = Image::create(size.height, size.width);
  const int stride = size.width * Image::kChannels;
  if (!WebPDecodeRGBInto(bytes.data(), bytes.size(), image.pixels.data(), image.pixels.size(), stride)) {
    refuse_broken(where, "broken or truncated WebP data");
  }
  return image;
}

Image decode_first_frame(std::span<const uint8_t> bytes, const std::string& where, ImageSize size) {
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, nullptr),
                                                                                   &WebPAnimDecoderDelete);
  uint8_t* rgba = nullptr;  // owned by the decoder
  int timestamp = 0;
  WebPAnimInfo info;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info) ||
      !WebPAnimDecoderGetNext(decoder.get(), &rgba, &timestamp)) {
    refuse_broken(where, "broken or truncated WebP animation");
  }
  if (info.canvas_width != static_cast<uint32_t>(size.width) ||
      info.canvas_height != static_cast<uint32_t>(size.height)) {
    refuse_broken(where, "WebP animation whose canvas differs from its header");
  }
  Image image = Image::create(size.height, size.width);
  for (uint8_t *target = image.pixels.data(), *end = target + image.pixels.size(); target != end;
       target += 3, rgba += 4) {
    std::copy_n(rgba, 3, target);
  }
  return image;
}

}  // namespace

ImageSize read_webp_size(std::span<const uint8_t> bytes, const std::string& where) {
  const WebPBitstreamFeatures features = read_features(bytes, where);
  return {features.height, features.width};
}

Image decode_webp(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                  const DecodeOptions& options) {
  const WebPBitstreamFeatures features = read_features(bytes, where);
  const ImageSize size{features.height, features.width};
  const Window window = choose(size);
  Image image = features.has_animation ? decode_first_frame(bytes, where, size) : decode_still(bytes, where, size);
  return window == Window{0, 0, size.height, size.width} ? image : crop(image, window);
}

}  // namespace assemble::codecs
