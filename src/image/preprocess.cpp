// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/preprocess.h"

#include <algorithm>
#include <utility>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/evaluation_view.h"
#include "assemble/image/fractals.h"
#include "assemble/image/resize.h"
#include "augment/color_jitter.h"
#include "made_size.h"
#include "preprocessing_type.h"
#include "resize/resize_axis.h"

namespace assemble {
namespace {

const std::vector<BoundingBox> kNoBoxes;

void check_output(size_t size, int side, int views = 1) {
  const size_t expected = size_t{Image::kChannels} * views * side * side;
  if (side < 1 || size != expected) {
    throw UsageError("preprocess",
                     concat("output of ", size, " floats, expected ", expected, " for ", side, "×", side));
  }
}

using Colour = std::array<float, Image::kChannels>;

void subtract(std::span<float> pixels, const Colour& mean) {
  if (mean == Colour{}) return;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] -= mean[c];
  }
}

void divide(std::span<float> pixels, const Colour& deviation) {
  if (deviation == Colour{1.f, 1.f, 1.f}) return;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] /= deviation[c];
  }
}

DecodeOptions decode_options(const Preprocessing& preprocessing, Decoding decoding, int wanted_side) {
  DecodeOptions options;
  options.apply_exif_orientation = preprocessing.apply_exif_orientation;
  options.fast_dct = preprocessing.family == PreprocessingFamily::kInception;
  options.decoding = decoding;
  options.wanted_side = wanted_side;
  return options;
}

Image pad_to_square(const Image& image, const std::string& where) {
  const int side = std::max(image.height, image.width);
  check_made_size(side, side, where);
  Image result = Image::create(side, side);
  const int top = (side - image.height) / 2, left = (side - image.width) / 2;
  for (int y = 0; y < image.height; ++y) {
    std::copy_n(image.row(y), image.width * Image::kChannels, result.row(top + y) + left * Image::kChannels);
  }
  return result;
}

/// Mirroring before the resize is not the same as after: the grid of the plain bilinear resize is not symmetric.
enum class Mirror { kNo, kBefore, kAfter };

/// @param mean subtracted from the result
void resize_crop(const Image& image, ImageSize scaled, const Window& crop, Mirror mirror,
                 const Preprocessing& preprocessing, const Colour& mean, std::span<float> output) {
  if (preprocessing.antialias) {
    const ResizeFilter filter = preprocessing.bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
    resize_antialiased_crop(image, scaled.height, scaled.width, crop, mirror != Mirror::kNo, output, filter);
    subtract(output, mean);
    return;
  }
  const Axis rows = make_axis(image.height, scaled.height, crop.y, crop.height, false);
  Axis columns = make_axis(image.width, scaled.width, crop.x, crop.width, mirror == Mirror::kBefore);
  if (mirror == Mirror::kAfter) std::reverse(columns.begin(), columns.end());
  resize_along(image, rows, columns, mean, output);
}

/// The same for evaluation.
void evaluate_crop(const Image& image, ImageSize scaled, const Window& crop, const Preprocessing& preprocessing,
                   std::span<float> output) {
  if (preprocessing.family != PreprocessingFamily::kTorchvision) {
    return resize_crop(image, scaled, crop, Mirror::kNo, preprocessing, preprocessing.mean, output);
  }
  const ResizeFilter filter = preprocessing.bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  thread_local std::vector<uint8_t> bytes;
  bytes.resize(output.size());
  resize_as_pillow(image, scaled.height, scaled.width, crop, bytes, filter);
  std::ranges::copy(bytes, output.begin());
  subtract(output, preprocessing.mean);
}

/// Everything of training that moves pixels; the output is RGB in [0, 255] less `mean`.
class TrainingCrop {
 public:
  TrainingCrop(const Preprocessing& preprocessing, const Augmentation& augmentation, Random& random, Decoding decoding,
               const Colour& mean)
      : preprocessing_(preprocessing),
        augmentation_(augmentation),
        random_(random),
        decoding_(decoding),
        mean_(mean),
        side_(preprocessing.train_size) {}

  void make(std::span<const uint8_t> encoded, const std::string& where, const std::vector<BoundingBox>& boxes,
            std::span<float> output) {
    DecodeOptions options = decode_options(preprocessing_, decoding_, side_);
    switch (preprocessing_.family) {
      case PreprocessingFamily::kImagenet:
      case PreprocessingFamily::kTorchvision:
        options.window_ends_image = true;
        return resize_whole(decode_sampled(encoded, where, augmentation_.object_boxes ? boxes : kNoBoxes, options),
                            Mirror::kBefore, output);
      case PreprocessingFamily::kReid:
        return stretch_or_crop(decode_image(encoded, where, options), where, output);
      case PreprocessingFamily::kInception:
        return resize_whole(decode_sampled(encoded, where, kNoBoxes, options), Mirror::kAfter, output);
    }
  }

 private:
  Image decode_sampled(std::span<const uint8_t> encoded, const std::string& where,
                       const std::vector<BoundingBox>& boxes, const DecodeOptions& options) {
    const auto sample = [&](ImageSize size) {
      return sample_box(size.height, size.width, boxes, augmentation_.box, random_);
    };
    return decode_window(encoded, where, sample, options);
  }

  Mirror flip(Mirror when) { return random_.bernoulli(augmentation_.flip_probability) ? when : Mirror::kNo; }

  void resize_whole(const Image& image, Mirror when, std::span<float> output) {
    resize_crop(image, {side_, side_}, {0, 0, side_, side_}, flip(when), preprocessing_, mean_, output);
  }

  void stretch_or_crop(Image image, const std::string& where, std::span<float> output) {
    if (preprocessing_.pad_to_square) image = pad_to_square(image, where);
    const int scaled = random_.bernoulli(0.5) ? with_margin(side_) : side_;
    const auto places = static_cast<uint64_t>(scaled - side_ + 1);
    const int y = static_cast<int>(random_.integer(places)), x = static_cast<int>(random_.integer(places));
    resize_crop(image, {scaled, scaled}, {y, x, side_, side_}, flip(Mirror::kAfter), preprocessing_, mean_, output);
  }

  const Preprocessing& preprocessing_;
  const Augmentation& augmentation_;
  Random& random_;
  Decoding decoding_;
  Colour mean_;
  int side_;
};

/// Operations on bytes, on the first view; PixMix changes it, AugMix makes the others of it.
void augment_bytes(std::span<float> views, int side, const Augmentation& augmentation, Random& random) {
  const size_t pixels = size_t{Image::kChannels} * side * side;
  Image image = Image::create(side, side);
  std::transform(views.begin(), views.begin() + static_cast<ptrdiff_t>(pixels), image.pixels.begin(),
                 [](float value) { return static_cast<uint8_t>(static_cast<int>(std::clamp(value, 0.f, 255.f))); });
  if (augmentation.auto_augment != nullptr) auto_augment(image, *augmentation.auto_augment, random);
  if (augmentation.random_augment) random_augment(image, *augmentation.random_augment, random);
  if (augmentation.pix_mix.rounds > 0) {
    if (augmentation.pictures == nullptr) throw UsageError("PixMix", "has no pictures", "draw them first");
    return pix_mix(image, augmentation.pix_mix, *augmentation.pictures, random, views);
  }
  const bool mixes = augmentation.aug_mix.severity > 0;
  if (!mixes || views.size() > pixels) std::copy(image.pixels.begin(), image.pixels.end(), views.begin());
  if (!mixes) return;
  for (size_t begin = views.size() > pixels ? pixels : 0; begin < views.size(); begin += pixels) {
    aug_mix(image, augmentation.aug_mix, random, views.subspan(begin, pixels));
  }
}

/// Short side `short_side`, sizes truncated in float arithmetic as the original does; never below `least`.
ImageSize scaled_size(ImageSize size, int short_side, int least, const std::string& where) {
  const float height = static_cast<float>(size.height);
  const float width = static_cast<float>(size.width);
  const float ratio = static_cast<float>(short_side) / std::min(height, width);
  check_made_size(static_cast<int64_t>(height * ratio), static_cast<int64_t>(width * ratio), {0, 0, least, least},
                  where);
  return {std::max(static_cast<int>(height * ratio), least), std::max(static_cast<int>(width * ratio), least)};
}

/// Evaluation scales a part of the image and takes a crop of it.
struct EvaluationGeometry {
  Window source;
  ImageSize scaled;
  Window crop;
};

Window central_window(ImageSize size) {
  const auto margin = [](int length) { return static_cast<int>((length - length * kCentralShare) / 2); };
  const int y = margin(size.height), x = margin(size.width);
  return {y, x, size.height - 2 * y, size.width - 2 * x};
}

EvaluationGeometry evaluation_geometry(ImageSize size, const Preprocessing& preprocessing, const std::string& where) {
  const int side = preprocessing.eval_size;
  const Window whole{0, 0, size.height, size.width};
  switch (preprocessing.family) {
    case PreprocessingFamily::kImagenet: {
      const ImageSize scaled = scaled_size(size, preprocessing.eval_resize, side, where);
      return {whole, scaled, {(scaled.height - side) / 2, (scaled.width - side) / 2, side, side}};
    }
    case PreprocessingFamily::kTorchvision: {
      const ImageSize scaled = torchvision_resize(size, preprocessing.eval_resize, where);
      return {whole, scaled, torchvision_center_crop(scaled, side)};
    }
    case PreprocessingFamily::kReid:
      return {whole, {side, side}, {0, 0, side, side}};
    case PreprocessingFamily::kInception:
      return {central_window(size), {side, side}, {0, 0, side, side}};
  }
  return {};
}

/// Decodes no more than what plain bilinear interpolation reads.
void evaluate_plainly(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                      Decoding decoding, std::span<float> output) {
  Axis rows, columns;
  Window asked;
  const auto read_by_resize = [&](ImageSize size) {
    const auto [source, scaled, crop] = evaluation_geometry(size, preprocessing, where);
    rows = make_axis(source.height, scaled.height, crop.y, crop.height, false);
    columns = make_axis(source.width, scaled.width, crop.x, crop.width, false);
    const AxisRange y = range_of(rows), x = range_of(columns);
    return asked = Window{source.y + y.begin, source.x + x.begin, y.count, x.count};
  };
  const DecodeOptions options = decode_options(preprocessing, decoding, preprocessing.eval_size);
  const Image window = decode_window(encoded, where, read_by_resize, options);
  move_to_zero(rows);
  move_to_zero(columns);
  if (const int reduction = decode_reduction(asked, options); reduction > 1 && window.height < asked.height) {
    reduce_axis(rows, reduction, window.height);
    reduce_axis(columns, reduction, window.width);
  }
  resize_along(window, rows, columns, preprocessing.mean, output);
}

void evaluate_image(Image image, const std::string& where, const Preprocessing& preprocessing,
                    std::span<float> output) {
  if (preprocessing.pad_to_square) image = pad_to_square(image, where);
  const EvaluationGeometry geometry = evaluation_geometry({image.height, image.width}, preprocessing, where);
  if (geometry.source != Window{0, 0, image.height, image.width}) image = crop(image, geometry.source);
  evaluate_crop(image, geometry.scaled, geometry.crop, preprocessing, output);
}

/// The same from the whole part of the image, for what plain interpolation cannot do.
void evaluate_from_part(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                        Decoding decoding, std::span<float> output) {
  const int wanted = preprocessing.resizes_short_side() ? preprocessing.eval_resize : preprocessing.eval_size;
  EvaluationGeometry geometry;
  const auto part = [&](ImageSize size) {
    if (preprocessing.pad_to_square) return Window{0, 0, size.height, size.width};
    geometry = evaluation_geometry(size, preprocessing, where);
    return geometry.source;
  };
  const Image image = decode_window(encoded, where, part, decode_options(preprocessing, decoding, wanted));
  if (preprocessing.pad_to_square) return evaluate_image(image, where, preprocessing, output);
  evaluate_crop(image, geometry.scaled, geometry.crop, preprocessing, output);
}

/// The crop before the deviation divides.
void evaluate(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
              Decoding decoding, std::span<float> output) {
  const bool plain = !preprocessing.antialias && !preprocessing.pad_to_square;
  (plain ? evaluate_plainly : evaluate_from_part)(encoded, where, preprocessing, decoding, output);
}

/// Middle window of ten-crop as TensorFlow's extract_glimpse rounds it.
Window glimpse(ImageSize size, int side) {
  const auto middle = [side](int length) { return std::max(length / 2 - (side + 1) / 2, 0); };
  return {middle(size.height), middle(size.width), side, side};
}

/// The corners, then the middle.
std::array<Window, kTenCrops / 2> five_crops(ImageSize scaled, int side, const Window& middle) {
  const int bottom = scaled.height - side, right = scaled.width - side;
  return {{{0, 0, side, side}, {0, right, side, side}, {bottom, 0, side, side}, {bottom, right, side, side}, middle}};
}

void mirror_copy(std::span<const float> from, std::span<float> to, int side) {
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      std::copy_n(&from[(size_t{1} * y * side + x) * 3], 3, &to[(size_t{1} * y * side + side - 1 - x) * 3]);
    }
  }
}

/// Evaluation's crop at the side of training, mirrored or not. @param mean subtracted from the result
void make_evaluation_crop(std::span<const uint8_t> encoded, const std::string& where, Preprocessing preprocessing,
                          double flip_probability, Random& random, Decoding decoding, const Colour& mean,
                          std::span<float> output) {
  preprocessing.eval_size = preprocessing.train_size;
  preprocessing.mean = mean;
  evaluate(encoded, where, preprocessing, decoding, output);
  if (!random.bernoulli(flip_probability)) return;
  const std::vector<float> plain(output.begin(), output.end());
  mirror_copy(plain, output, preprocessing.train_size);
}

}  // namespace

bool Augmentation::is_random(PreprocessingFamily family) const {
  return !evaluation_crop || (flip_probability > 0 && flip_probability < 1) || auto_augment != nullptr ||
         random_augment.has_value() || aug_mix.severity > 0 || pix_mix.rounds > 0 || color_jitter > 0 ||
         family == PreprocessingFamily::kInception || erasing.probability > 0;
}

void Augmentation::draw_pictures(int side, uint64_t seed) {
  constexpr int kFewest = 128, kMost = 512, kPixels = 1 << 23;
  const int picture_side = with_margin(side);
  const int count = std::clamp(kPixels / (picture_side * picture_side), kFewest, kMost);
  pictures = std::make_shared<const std::vector<Image>>(draw_fractals(count, picture_side, seed));
}

void Augmentation::set_operations(const std::string& name) {
  auto_augment = nullptr;
  random_augment.reset();
  if (name == "rand" || name.starts_with("rand-") || name == "trivial-wide") {
    random_augment = RandomAugment::parse(name);
    return;
  }
  std::vector<std::string> names = auto_augment_policy_names();
  names.insert(names.end(), {"trivial-wide", "rand", "none"});
  (void)find_choice("augmentation", name, names);
  if (name != "none") auto_augment = &auto_augment_policy(name);
}

std::string Augmentation::operation_names() {
  return join(auto_augment_policy_names(), ", ") + ", trivial-wide, rand or rand-mM-nN";
}

void preprocess_train(std::span<const uint8_t> encoded, const std::string& where, const std::vector<BoundingBox>& boxes,
                      const Preprocessing& preprocessing, const Augmentation& augmentation, Random& random,
                      std::span<float> output, Decoding decoding) {
  const int side = preprocessing.train_size;
  const size_t pixels = size_t{Image::kChannels} * side * side;
  check_output(output.size(), side, augmentation.views());
  const bool bytes = augmentation.auto_augment != nullptr || augmentation.random_augment ||
                     augmentation.aug_mix.severity > 0 || augmentation.pix_mix.rounds > 0;
  const bool floats = augmentation.color_jitter > 0 || preprocessing.family == PreprocessingFamily::kInception;
  const Colour early = bytes || floats ? Colour{} : preprocessing.mean;
  if (augmentation.evaluation_crop) {
    make_evaluation_crop(encoded, where, preprocessing, augmentation.flip_probability, random, decoding, early,
                         output.first(pixels));
  } else {
    TrainingCrop(preprocessing, augmentation, random, decoding, early)
        .make(encoded, where, boxes, output.first(pixels));
  }
  if (bytes) augment_bytes(output, side, augmentation, random);
  for (size_t begin = 0; begin < output.size(); begin += pixels) {
    const std::span<float> view = output.subspan(begin, pixels);
    if (augmentation.color_jitter > 0) color_jitter(view, augmentation.color_jitter, random);
    if (preprocessing.family == PreprocessingFamily::kInception) shift_colors(view, random);
    if (bytes || floats) subtract(view, preprocessing.mean);
    divide(view, preprocessing.deviation);
    if (augmentation.erasing.probability > 0) {
      if (const auto erased = draw_erased(side, side, augmentation.erasing, random)) erase(view, side, *erased);
    }
  }
}

void preprocess_eval(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                     std::span<float> output, Decoding decoding) {
  check_output(output.size(), preprocessing.eval_size);
  evaluate(encoded, where, preprocessing, decoding, output);
  divide(output, preprocessing.deviation);
}

void preprocess_eval(Image image, const Preprocessing& preprocessing, std::span<float> output) {
  check_output(output.size(), preprocessing.eval_size);
  evaluate_image(std::move(image), "image", preprocessing, output);
  divide(output, preprocessing.deviation);
}

void preprocess_ten_crop(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                         std::span<float> output, Decoding decoding) {
  const int side = preprocessing.eval_size;
  check_output(output.size(), side, kTenCrops);
  const int short_side = preprocessing.ten_crop_resize();
  ImageSize size;
  const auto whole = [&](ImageSize stored) {
    size = stored;
    return Window{0, 0, size.height, size.width};
  };
  Image image = decode_window(encoded, where, whole, decode_options(preprocessing, decoding, short_side));
  if (preprocessing.pad_to_square) {
    image = pad_to_square(image, where);
    size = {image.height, image.width};
  }
  const bool as_torchvision = preprocessing.family == PreprocessingFamily::kTorchvision;
  const ImageSize scaled =
      as_torchvision ? torchvision_resize(size, short_side, where) : scaled_size(size, short_side, side, where);
  const Window middle = as_torchvision ? torchvision_center_crop(scaled, side) : glimpse(scaled, side);
  const size_t pixels = size_t{Image::kChannels} * side * side;
  std::span<float> view = output;
  for (const Window& crop : five_crops(scaled, side, middle)) {
    evaluate_crop(image, scaled, crop, preprocessing, view.first(pixels));
    mirror_copy(view.first(pixels), view.subspan(pixels * kTenCrops / 2, pixels), side);
    view = view.subspan(pixels);
  }
  divide(output, preprocessing.deviation);
}

EvaluationView evaluation_view(ImageSize size, const Preprocessing& preprocessing, const std::string& where) {
  const int side = std::max(size.height, size.width);
  const bool pads = preprocessing.pad_to_square;
  const EvaluationGeometry geometry = evaluation_geometry(pads ? ImageSize{side, side} : size, preprocessing, where);
  const auto& [source, scaled, crop] = geometry;
  const double rows = static_cast<double>(source.height) / scaled.height;
  const double columns = static_cast<double>(source.width) / scaled.width;
  const int top = pads ? (side - size.height) / 2 : 0, left = pads ? (side - size.width) / 2 : 0;
  return {source.y + crop.y * rows - top, source.x + crop.x * columns - left, crop.height * rows, crop.width * columns};
}

void preprocess_frame(const Image& frame, const Preprocessing& preprocessing, std::span<float> output) {
  const int side = preprocessing.eval_size;
  check_output(output.size(), side);
  evaluate_crop(frame, {side, side}, {0, 0, side, side}, preprocessing, output);
  divide(output, preprocessing.deviation);
}

}  // namespace assemble
