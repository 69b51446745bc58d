// SPDX-License-Identifier: Apache-2.0
#include "image_source.h"

#include <nanobind/stl/string.h>

#include <cstring>

namespace nb = nanobind;

namespace assemble::python {

namespace {

constexpr size_t kLongestSide = 65535;
constexpr size_t kMostImages = size_t{1} << 20;
constexpr const char* kExpected = "expected RGB pixels, uint8 of shape (height, width, 3)";

std::string hint_for(const AnyArray& array) {
  const bool floats = array.dtype().code == static_cast<uint8_t>(nb::dlpack::dtype_code::Float);
  if (floats) return "pixels are 0 … 255: numpy.uint8(numpy.round(image * 255)) where they are in [0, 1]";
  if (array.ndim() >= 3 && array.shape(array.ndim() - 3) == 3) return "channels come last: image.transpose(1, 2, 0)";
  if (array.ndim() == 2) return "repeat gray: numpy.stack([image] * 3, axis=-1)";
  return "";
}

/// @param array [H, W, 3], or [N, H, W, 3]
void require_pixels(const AnyArray& array, nb::handle object, size_t dimensions, const std::string& where) {
  const size_t first = dimensions - 3;
  if (array.ndim() != dimensions || array.dtype() != nb::dtype<uint8_t>() || array.shape(first + 2) != 3) {
    throw UsageError(where, concat("is ", describe(object), ", ", kExpected), hint_for(array));
  }
  const size_t height = array.shape(first), width = array.shape(first + 1);
  if (height < 1 || width < 1 || height > kLongestSide || width > kLongestSide ||
      height * width > static_cast<size_t>(DecodeOptions{}.max_pixels)) {
    throw UsageError(where, concat(height, "×", width, " pixels, expected sides of 1 to ", kLongestSide,
                                   " and at most ", DecodeOptions{}.max_pixels, " pixels"));
  }
}

bool is_path(nb::handle object) { return nb::isinstance<nb::str>(object) || nb::hasattr(object, "__fspath__"); }

fs::path to_path(nb::handle object) {
  const nb::object bytes = nb::module_::import_("os").attr("fsencode")(object);
  return {nb::cast<nb::bytes>(bytes).c_str()};
}

}  // namespace

ImageSource::ImageSource(nb::handle image, const std::string& where) : where_(where) {
  AnyArray array;
  if (is_path(image)) {
    source_ = to_path(image);
    where_ = std::get<fs::path>(source_).string();
  } else if (nb::isinstance<nb::bytes>(image)) {
    const auto bytes = nb::borrow<nb::bytes>(image);
    source_ = Encoded{bytes, {static_cast<const uint8_t*>(bytes.data()), bytes.size()}};
  } else if (as_array(image, array)) {
    require_pixels(array, image, 3, where);
    source_ = Pixels{array, 0};
  } else {
    throw UsageError(where,
                     concat("is ", describe(image), ", ", kExpected, ", the bytes of an image file or its path"));
  }
}

ImageSource::ImageSource(const AnyArray& images, size_t index, const std::string& where)
    : source_(Pixels{images, index}), where_(where) {}

Image ImageSource::copy_pixels() const {
  const auto& [array, index] = std::get<Pixels>(source_);
  const size_t first = array.ndim() - 3;
  Image image = Image::create(static_cast<int>(array.shape(first)), static_cast<int>(array.shape(first + 1)));
  const int64_t down = array.stride(first), across = array.stride(first + 1), channel = array.stride(first + 2);
  const auto* from = static_cast<const uint8_t*>(array.data());
  if (first > 0) from += static_cast<int64_t>(index) * array.stride(0);
  for (int y = 0; y < image.height; ++y, from += down) {
    uint8_t* row = image.row(y);
    if (channel == 1 && across == Image::kChannels) {
      std::memcpy(row, from, static_cast<size_t>(image.width) * Image::kChannels);
      continue;
    }
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < Image::kChannels; ++c) *row++ = from[x * across + c * channel];
    }
  }
  return image;
}

template <typename Body>
auto ImageSource::with_encoded(Body&& body) const {
  if (const auto* encoded = std::get_if<Encoded>(&source_)) return body(encoded->bytes);
  const Bytes bytes = read_file(std::get<fs::path>(source_));
  return body(std::span<const uint8_t>(bytes));
}

Image ImageSource::decode(const DecodeOptions& options) const {
  if (std::holds_alternative<Pixels>(source_)) return copy_pixels();
  return with_encoded([&](std::span<const uint8_t> bytes) { return decode_image(bytes, where_, options); });
}

void ImageSource::prepare(const Preprocessing& preprocessing, std::span<float> output) const {
  if (std::holds_alternative<Pixels>(source_)) return preprocess_eval(copy_pixels(), preprocessing, output);
  with_encoded([&](std::span<const uint8_t> bytes) { preprocess_eval(bytes, where_, preprocessing, output); });
}

ImageSources to_image_sources(nb::handle images) {
  ImageSources sources;
  AnyArray array;
  if (!is_path(images) && !nb::isinstance<nb::bytes>(images) && as_array(images, array) && array.ndim() == 4) {
    require_pixels(array, images, 4, "images");
    if (array.shape(0) > kMostImages) {
      throw UsageError("images", concat(array.shape(0), " of them at once, at most ", kMostImages),
                       "give them in parts");
    }
    sources.array = true;
    for (size_t i = 0; i < array.shape(0); ++i) sources.images.emplace_back(array, i, concat("image ", i));
  } else if (nb::isinstance<nb::list>(images) || nb::isinstance<nb::tuple>(images)) {
    for (const nb::handle image : images) {
      sources.images.emplace_back(image, concat("image ", sources.images.size()));
    }
  } else {
    sources.single = true;
    sources.images.emplace_back(images, "image");
  }
  return sources;
}

Preprocessing to_preprocessing(nb::handle object) {
  if (nb::isinstance<nb::str>(object)) return Preprocessing::from_type(nb::cast<std::string>(object));
  Preprocessing preprocessing;
  if (nb::try_cast<Preprocessing>(object, preprocessing)) return preprocessing;
  throw UsageError("`preprocessing`",
                   concat("is ", describe(object), ", expected a Preprocessing or the name of a type"));
}

}  // namespace assemble::python
