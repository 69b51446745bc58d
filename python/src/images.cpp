// SPDX-License-Identifier: Apache-2.0
// Images without a network: decoding, preprocessing, corruptions and perturbations.
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>

#include "assemble/core/thread_pool.h"
#include "assemble/image/corruptions.h"
#include "assemble/image/perturbations.h"
#include "binding.h"
#include "image_source.h"
#include "workers.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace assemble::python {

namespace {

constexpr const char* kPlace = "Preprocessing";

/// Checked as a model file's is.
Preprocessing replace(const Preprocessing& preprocessing, const nb::kwargs& changes) {
  const nb::module_ json = nb::module_::import_("json");
  const nb::object values = json.attr("loads")(preprocessing.to_json());
  std::vector<std::string> keys;
  for (const nb::handle key : values) keys.push_back(nb::cast<std::string>(key));
  for (const auto [key, value] : changes) {
    find_choice(kPlace, nb::cast<std::string>(key), keys);
    values.attr("__setitem__")(key, value);
  }
  return Preprocessing::from_json(nb::cast<std::string>(json.attr("dumps")(values)), kPlace);
}

/// One image of each, computed side by side: an array for one, an array of them where they were given as one and are
/// of one size, else a list.
template <typename Change>
nb::object change_images(nb::handle given, int threads, const Change& change) {
  const ImageSources sources = to_image_sources(given);
  std::vector<Image> changed(sources.images.size());
  {
    const nb::gil_scoped_release release;
    make_workers(threads, changed.size())->parallel_for(static_cast<int64_t>(changed.size()), [&](int64_t i) {
      const auto place = static_cast<size_t>(i);
      changed[place] = change(sources.images[place].decode({}), place);
    });
  }
  if (sources.single) return nb::cast(to_numpy(std::move(changed.front())));
  nb::list list;
  for (Image& image : changed) list.append(to_numpy(std::move(image)));
  if (!sources.array || changed.empty()) return list;
  return nb::module_::import_("numpy").attr("stack")(list);
}

NumpyArray<uint8_t> decode(nb::handle image, const std::string& decoding, bool apply_exif_orientation) {
  const ImageSource source(image, "image");
  DecodeOptions options;
  options.decoding = parse_decoding(decoding);
  options.apply_exif_orientation = apply_exif_orientation;
  Image decoded;
  {
    const nb::gil_scoped_release release;
    decoded = source.decode(options);
  }
  return to_numpy(std::move(decoded));
}

NumpyArray<float> preprocess(nb::handle images, nb::handle preprocessing, int threads) {
  const ImageSources sources = to_image_sources(images);
  const Preprocessing how = to_preprocessing(preprocessing);
  const auto side = static_cast<size_t>(how.eval_size);
  const size_t values = side * side * Image::kChannels;
  std::vector<float> output;
  {
    const nb::gil_scoped_release release;
    output.resize(sources.images.size() * values);
    make_workers(threads, sources.images.size())
        ->parallel_for(static_cast<int64_t>(sources.images.size()), [&](int64_t i) {
          const auto place = static_cast<size_t>(i);
          sources.images[place].prepare(how, std::span(output).subspan(place * values, values));
        });
  }
  std::vector<size_t> shape{sources.images.size(), side, side, 3};
  if (sources.single) shape.erase(shape.begin());
  return to_numpy<float>(std::move(output), shape);
}

nb::object corrupt_images(nb::handle images, const std::string& name, int severity, uint64_t index, uint64_t seed,
                          int threads) {
  check_corruption(name);
  check_severity(severity);
  const CorruptOptions options{seed, nullptr};
  return change_images(images, threads, [&](const Image& image, size_t place) {
    return corrupt(image, name, severity, index + place, options);
  });
}

NumpyArray<uint8_t> perturb_image(nb::handle given, const std::string& name, uint64_t index, uint64_t seed, int crop) {
  check_perturbation(name);
  const ImageSource source(given, "image");
  std::vector<uint8_t> pixels;
  size_t frames = 0;
  {
    const nb::gil_scoped_release release;
    for (const Image& frame : perturb(source.decode({}), name, index, {seed, crop})) {
      pixels.insert(pixels.end(), frame.pixels.begin(), frame.pixels.end());
      ++frames;
    }
  }
  const auto side = static_cast<size_t>(crop);
  return to_numpy<uint8_t>(std::move(pixels), {frames, side, side, 3});
}

void bind_preprocessing(nb::module_& module) {
  nb::class_<Preprocessing>(module, "Preprocessing",
                            "How an image becomes what a network reads. Made of the name of a type ('imagenet', "
                            "'torchvision_224_256', 'inception_299', …) and kept in every model.")
      .def(
          "__init__",
          [](Preprocessing* self, const std::string& type) {
            new (self) Preprocessing(Preprocessing::from_type(type));
          },
          "type"_a)
      .def("replace", &replace, "changes"_a,
           "The same with other values, for example replace(eval_size=320, eval_resize=366).")
      .def("to_json", &Preprocessing::to_json, "As model files keep it.")
      .def_static(
          "from_json", [](const std::string& text) { return Preprocessing::from_json(text, kPlace); }, "text"_a)
      .def_ro("train_size", &Preprocessing::train_size, "Side of the training crop, pixels.")
      .def_ro("eval_size", &Preprocessing::eval_size, "Side of what the network reads under evaluation, pixels.")
      .def_ro("eval_resize", &Preprocessing::eval_resize, "Short side before the crop of evaluation, pixels.")
      .def_ro("mean", &Preprocessing::mean, "Subtracted from red, green and blue in [0, 255].")
      .def_ro("deviation", &Preprocessing::deviation, "Divides after that.")
      .def_ro("antialias", &Preprocessing::antialias)
      .def_ro("bicubic", &Preprocessing::bicubic)
      .def(
          "__eq__", [](const Preprocessing& self, const Preprocessing& other) { return self == other; },
          nb::is_operator())
      .def("__repr__", [](const Preprocessing& self) { return "<assemble.Preprocessing " + self.to_json() + ">"; });
}

}  // namespace

void bind_images(nb::module_& module) {
  bind_preprocessing(module);
  module.def("decode_image", &decode, "image"_a.none(), nb::kw_only(), "decoding"_a = "exact",
             "apply_exif_orientation"_a = false,
             nb::sig("def decode_image(image: assemble._types.Image, *, decoding: str = 'exact', "
                     "apply_exif_orientation: bool = False) -> numpy.typing.NDArray[numpy.uint8]"),
             "Pixels [height, width, 3] of an image file: JPEG, PNG, WebP, and GIF, TIFF, HEIC, AVIF where their "
             "libraries are installed.\n\n"
             "image: a path or the bytes of the file.\n"
             "decoding: 'exact', or 'fast', whose pixels differ by a few levels.");
  module.def("preprocess", &preprocess, "images"_a.none(), "preprocessing"_a.none() = "imagenet", nb::kw_only(),
             "threads"_a = 0,
             nb::sig("def preprocess(images: assemble._types.Images, preprocessing: Preprocessing | str = 'imagenet', "
                     "*, threads: int = 0) -> numpy.typing.NDArray[numpy.float32]"),
             "What a network reads of images under evaluation: float32 [size, size, 3], or [N, size, size, 3] for "
             "several.\n\n"
             "images: an image (array of uint8, path or bytes), an array [N, height, width, 3] or a list.\n"
             "preprocessing: a model's, or the name of a type.\n"
             "threads: 0 for every core.");
  module.def("corrupt", &corrupt_images, "images"_a.none(), "name"_a, "severity"_a = 1, nb::kw_only(), "index"_a = 0,
             "seed"_a = 0, "threads"_a = 0,
             nb::sig("def corrupt(images: assemble._types.Images, name: str, severity: int = 1, *, index: int = 0, "
                     "seed: int = 0, threads: int = 0) -> typing.Any"),
             "Images under a corruption of ImageNet-C or ImageNet-C-bar: uint8, as large as they were. An array for an "
             "image and for an array of images, a list for a list.\n\n"
             "name: one of corruption_names().\n"
             "severity: 1 … 5.\n"
             "index: number of the (first) image in its data set: with the seed it decides the random numbers.");
  module.def("perturb", &perturb_image, "image"_a.none(), "name"_a, nb::kw_only(), "index"_a = 0, "seed"_a = 0,
             "crop"_a = 224,
             nb::sig("def perturb(image: assemble._types.Image, name: str, *, index: int = 0, seed: int = 0, "
                     "crop: int = 224) -> numpy.typing.NDArray[numpy.uint8]"),
             "The frames [frames, crop, crop, 3] of a perturbation sequence of ImageNet-P.\n\n"
             "image: its short side is 256 as published.\n"
             "name: one of perturbation_names().");
  module.def(
      "corruption_names", [](const std::string& set) { return corruption_names(kCorruptionSets.parse(set)); },
      "set"_a = "c", "Names of ImageNet-C ('c', the official 15 first) or ImageNet-C-bar ('c-bar').");
  module.def("perturbation_names", &perturbation_names, "Names of ImageNet-P, the official 10 first.");
}

}  // namespace assemble::python
