// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/preprocess.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "color_jitter.h"
#include "resize_axis.h"

namespace assemble {
namespace {

constexpr int kMaxSide = 16384;

void check_output(size_t size, int side) {
  const size_t expected = size_t{Image::kChannels} * side * side;
  if (side < 1 || size != expected) {
    throw UsageError("preprocess",
                     concat("output of ", size, " floats, expected ", expected, " for ", side, "×", side));
  }
}

void subtract_mean(std::span<float> pixels, const std::array<float, 3>& mean) {
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] -= mean[c];
  }
}

void divide(std::span<float> pixels, const std::array<float, 3>& deviation) {
  if (deviation == std::array<float, 3>{1.f, 1.f, 1.f}) return;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] /= deviation[c];
  }
}

DecodeOptions decode_options(const Preprocessing& preprocessing, Decoding decoding, int wanted_side) {
  DecodeOptions options;
  options.apply_exif_orientation = preprocessing.apply_exif_orientation;
  options.decoding = decoding;
  options.wanted_side = wanted_side;
  return options;
}

/// Short side `short_side`, sizes truncated in float arithmetic as the original does; never below `least`.
ImageSize scaled_size(ImageSize size, int short_side, int least) {
  const float height = static_cast<float>(size.height);
  const float width = static_cast<float>(size.width);
  const float ratio = static_cast<float>(short_side) / std::min(height, width);
  return {std::max(static_cast<int>(height * ratio), least), std::max(static_cast<int>(width * ratio), least)};
}

}  // namespace

Preprocessing Preprocessing::from_type(const std::string& type) {
  static const std::regex kForm("imagenet(?:_([0-9]{2,4}))?(?:_([0-9]{2,4}))?(a?)");
  std::smatch parts;
  if (!std::regex_match(type, parts, kForm)) {
    throw UsageError("preprocessing type '" + type + "'", "unknown",
                     "use imagenet (224), imagenet_NNN, or imagenet_TTT_EEE to train at TTT and evaluate at EEE; "
                     "append a to resize to the size plus one");
  }
  Preprocessing result;
  if (parts[1].matched) result.train_size = result.eval_size = std::stoi(parts[1]);
  if (parts[2].matched) result.eval_size = std::stoi(parts[2]);
  const bool to_next_size = parts[3].length() > 0;
  result.eval_resize = to_next_size ? result.eval_size + 1 : static_cast<int>(result.eval_size * (1.0 / 0.875));
  return result;
}

std::string Preprocessing::to_json() const {
  return nlohmann::json{{"train_size", train_size},   {"eval_size", eval_size},
                        {"eval_resize", eval_resize}, {"mean", mean},
                        {"deviation", deviation},     {"apply_exif_orientation", apply_exif_orientation},
                        {"antialias", antialias}}
      .dump();
}

Preprocessing Preprocessing::from_json(const std::string& text, const std::string& where) {
  Preprocessing result;
  try {
    const auto json = nlohmann::json::parse(text);
    json.at("train_size").get_to(result.train_size);
    json.at("eval_size").get_to(result.eval_size);
    json.at("eval_resize").get_to(result.eval_resize);
    json.at("mean").get_to(result.mean);
    json.at("deviation").get_to(result.deviation);
    json.at("apply_exif_orientation").get_to(result.apply_exif_orientation);
    json.at("antialias").get_to(result.antialias);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(where, std::string("preprocessing is not as expected: ") + error.what(),
                     "expected train_size, eval_size, eval_resize, mean, deviation, apply_exif_orientation, antialias");
  }
  for (const int size : {result.train_size, result.eval_size, result.eval_resize}) {
    if (size < 1 || size > kMaxSide) {
      throw InputError(where, concat("preprocessing size ", size, ", expected 1…", kMaxSide));
    }
  }
  if (result.eval_resize < result.eval_size) {
    throw InputError(where, concat("eval_resize ", result.eval_resize, " is below eval_size ", result.eval_size));
  }
  if (std::find(result.deviation.begin(), result.deviation.end(), 0.f) != result.deviation.end()) {
    throw InputError(where, "a deviation of 0 divides by zero");
  }
  return result;
}

void preprocess_train(std::span<const uint8_t> encoded, const std::string& where, const std::vector<BoundingBox>& boxes,
                      const Preprocessing& preprocessing, const Augmentation& augmentation, Random& random,
                      std::span<float> output, Decoding decoding) {
  const int side = preprocessing.train_size;
  check_output(output.size(), side);
  DecodeOptions options = decode_options(preprocessing, decoding, side);
  options.window_ends_image = true;
  const Image window = decode_window(
      encoded, where,
      [&](ImageSize size) { return sample_box(size.height, size.width, boxes, augmentation.box, random); }, options);
  const bool mirrored = random.bernoulli(augmentation.flip_probability);
  const bool jitter = augmentation.color_jitter > 0;
  const bool subtracted = !preprocessing.antialias && !jitter;
  if (preprocessing.antialias) {
    resize_antialiased_crop(window, side, side, {0, 0, side, side}, mirrored, output);
  } else {
    resize_along(window, make_axis(window.height, side, 0, side, false),
                 make_axis(window.width, side, 0, side, mirrored),
                 subtracted ? preprocessing.mean : std::array<float, 3>{}, output);
  }
  if (jitter) color_jitter(output, augmentation.color_jitter, random);
  if (!subtracted) subtract_mean(output, preprocessing.mean);
  divide(output, preprocessing.deviation);
}

void preprocess_eval(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                     std::span<float> output, Decoding decoding) {
  const int side = preprocessing.eval_size;
  check_output(output.size(), side);
  if (preprocessing.antialias) {
    const Image image =
        decode_image(encoded, where, decode_options(preprocessing, decoding, preprocessing.eval_resize));
    const ImageSize scaled = scaled_size({image.height, image.width}, preprocessing.eval_resize, side);
    const Window crop{(scaled.height - side) / 2, (scaled.width - side) / 2, side, side};
    resize_antialiased_crop(image, scaled.height, scaled.width, crop, false, output);
    subtract_mean(output, preprocessing.mean);
    divide(output, preprocessing.deviation);
    return;
  }
  Axis rows, columns;
  Window asked;
  const DecodeOptions options = decode_options(preprocessing, decoding, side);
  const Image window = decode_window(
      encoded, where,
      [&](ImageSize size) {
        const ImageSize scaled = scaled_size(size, preprocessing.eval_resize, side);
        rows = make_axis(size.height, scaled.height, (scaled.height - side) / 2, side, false);
        columns = make_axis(size.width, scaled.width, (scaled.width - side) / 2, side, false);
        const AxisRange y = range_of(rows);
        const AxisRange x = range_of(columns);
        return asked = Window{y.begin, x.begin, y.count, x.count};
      },
      options);
  move_to_zero(rows);
  move_to_zero(columns);
  const int reduction = decode_reduction(asked, options);
  if (reduction > 1 && window.height < asked.height) {
    reduce_axis(rows, reduction, window.height);
    reduce_axis(columns, reduction, window.width);
  }
  resize_along(window, rows, columns, preprocessing.mean, output);
  divide(output, preprocessing.deviation);
}

}  // namespace assemble
