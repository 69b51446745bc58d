// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "arrays.h"
#include "assemble/core/file.h"
#include "assemble/image/preprocess.h"

namespace assemble::python {

/// What an argument that is an image was given as. It keeps the Python object alive, so it is made and destroyed with
/// the interpreter's lock held; what it does needs no lock.
class ImageSource {
 public:
  /// @param where names it in errors
  /// @throws UsageError when it is neither an array of HWC uint8, nor an encoded file, nor a path
  ImageSource(nanobind::handle image, const std::string& where);
  /// One of several in an array [N, H, W, 3].
  ImageSource(const AnyArray& images, size_t index, const std::string& where);

  /// @throws InputError when it cannot be read
  Image decode(const DecodeOptions& options) const;
  /// As preprocess_eval().
  void prepare(const Preprocessing& preprocessing, std::span<float> output) const;
  const std::string& where() const { return where_; }

 private:
  Image copy_pixels() const;
  /// Calls body(bytes) with an encoded file.
  template <typename Body>
  auto with_encoded(Body&& body) const;

  struct Pixels {
    AnyArray array;
    size_t index;
  };
  struct Encoded {
    nanobind::object owner;
    std::span<const uint8_t> bytes;
  };
  std::variant<Pixels, Encoded, fs::path> source_;
  std::string where_;
};

/// One image or several of them.
struct ImageSources {
  std::vector<ImageSource> images;
  bool single = false;  ///< was given as an image, not as a sequence of them
  bool array = false;   ///< was given as one array
};
/// @param images an image, an array [N, H, W, 3] or a sequence of images
ImageSources to_image_sources(nanobind::handle images);

/// A preprocessing, or the name of its type.
Preprocessing to_preprocessing(nanobind::handle object);

}  // namespace assemble::python
