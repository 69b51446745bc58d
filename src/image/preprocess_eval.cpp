// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "assemble/image/evaluation_view.h"
#include "assemble/image/preprocess.h"
#include "assemble/image/resize.h"
#include "made_size.h"
#include "preprocess_parts.h"
#include "preprocessing_type.h"
#include "resize/resize_axis.h"

namespace assemble {
namespace {

void resize_evaluated(const Image& image, ImageSize scaled, const Window& crop, const Preprocessing& preprocessing,
                      std::span<float> output) {
  if (!is_of_pillow(preprocessing.family)) {
    return resize_crop(image, scaled, crop, Mirror::kNo, preprocessing, preprocessing.mean, output);
  }
  const ResizeFilter filter = preprocessing.bicubic ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  thread_local std::vector<uint8_t> bytes;
  bytes.resize(output.size());
  resize_as_pillow(image, scaled.height, scaled.width, crop, bytes, filter);
  std::ranges::copy(bytes, output.begin());
  subtract(output, preprocessing.mean);
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
    case PreprocessingFamily::kTorchvisionSquash:
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
  resize_evaluated(image, geometry.scaled, geometry.crop, preprocessing, output);
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
  resize_evaluated(image, geometry.scaled, geometry.crop, preprocessing, output);
}

/// Middle window of ten-crop as TensorFlow's extract_glimpse rounds it.
Window glimpse(ImageSize size, int side) {
  const auto middle = [side](int length) { return std::max(length / 2 - (side + 1) / 2, 0); };
  return {middle(size.height), middle(size.width), side, side};
}

/// A crop of the image once that is scaled.
struct ScaledCrop {
  ImageSize scaled;
  Window crop;
};

/// Crops of the whole image with its short side at `short_side`: the middle, `corners` before it.
void add_crops(std::vector<ScaledCrop>& crops, ImageSize size, int short_side, bool corners,
               const Preprocessing& preprocessing, const std::string& where) {
  const int side = preprocessing.eval_size;
  const bool as_torchvision = is_of_pillow(preprocessing.family);
  const ImageSize scaled =
      as_torchvision ? torchvision_resize(size, short_side, where) : scaled_size(size, short_side, side, where);
  const int bottom = scaled.height - side, right = scaled.width - side;
  if (corners) {
    for (const int y : {0, bottom}) {
      for (const int x : {0, right}) crops.push_back({scaled, {y, x, side, side}});
    }
  }
  crops.push_back({scaled, as_torchvision ? torchvision_center_crop(scaled, side) : glimpse(scaled, side)});
}

/// Short sides of the image for its views, the largest last.
std::vector<int> short_sides(TestViews views, const Preprocessing& preprocessing) {
  constexpr double kLargest = 1.15;
  const int usual = preprocessing.ten_crop_resize();
  if (views != TestViews::kScales) return {usual};
  return {preprocessing.eval_size, usual, static_cast<int>(kLargest * usual)};
}

/// Writes the crops of the whole image, one behind the other.
void write_crops(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                 TestViews views, Decoding decoding, std::span<float> output) {
  const std::vector<int> sides = short_sides(views, preprocessing);
  ImageSize size;
  const auto whole = [&](ImageSize stored) {
    size = stored;
    return Window{0, 0, size.height, size.width};
  };
  Image image = decode_window(encoded, where, whole, decode_options(preprocessing, decoding, sides.back()));
  if (preprocessing.pad_to_square) {
    image = pad_to_square(image, where);
    size = {image.height, image.width};
  }
  std::vector<ScaledCrop> crops;
  for (const int side : sides) add_crops(crops, size, side, views != TestViews::kScales, preprocessing, where);
  for (size_t i = 0; i < crops.size(); ++i) {
    const size_t pixels = output.size() / crops.size();
    resize_evaluated(image, crops[i].scaled, crops[i].crop, preprocessing, output.subspan(i * pixels, pixels));
  }
}

}  // namespace

void evaluate_crop(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                   Decoding decoding, std::span<float> output) {
  const bool plain = !preprocessing.antialias && !preprocessing.pad_to_square;
  (plain ? evaluate_plainly : evaluate_from_part)(encoded, where, preprocessing, decoding, output);
}

void preprocess_eval(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                     std::span<float> output, Decoding decoding) {
  check_output(output.size(), preprocessing.eval_size);
  evaluate_crop(encoded, where, preprocessing, decoding, output);
  divide(output, preprocessing.deviation);
}

void preprocess_eval(Image image, const Preprocessing& preprocessing, std::span<float> output) {
  check_output(output.size(), preprocessing.eval_size);
  evaluate_image(std::move(image), "image", preprocessing, output);
  divide(output, preprocessing.deviation);
}

int view_count(TestViews views) {
  switch (views) {
    case TestViews::kOne:
      return 1;
    case TestViews::kMirror:
      return 2;
    case TestViews::kFiveCrop:
      return 5;
    case TestViews::kTenCrop:
      return 10;
    case TestViews::kScales:
      return 6;
  }
  return 1;
}

void preprocess_views(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                      TestViews views, std::span<float> output, Decoding decoding) {
  const int side = preprocessing.eval_size, count = view_count(views);
  check_output(output.size(), side, count);
  const bool mirrored = views != TestViews::kOne && views != TestViews::kFiveCrop;
  const size_t pixels = size_t{Image::kChannels} * side * side, plain = (mirrored ? count / 2 : count) * pixels;
  if (views == TestViews::kOne || views == TestViews::kMirror) {
    evaluate_crop(encoded, where, preprocessing, decoding, output.first(plain));
  } else {
    write_crops(encoded, where, preprocessing, views, decoding, output.first(plain));
  }
  for (size_t begin = plain; begin < output.size(); begin += pixels) {
    mirror_copy(output.subspan(begin - plain, pixels), output.subspan(begin, pixels), side);
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
  resize_evaluated(frame, {side, side}, {0, 0, side, side}, preprocessing, output);
  divide(output, preprocessing.deviation);
}

}  // namespace assemble
