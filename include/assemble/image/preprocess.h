// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/decode.h"
#include "assemble/image/sample_box.h"

namespace assemble {

/// How an encoded image becomes network input; stored in every model file.
///
/// Training: sample a box, decode that window, resize to train_size, flip with probability ½, colour jitter when asked,
/// subtract the mean. Evaluation: resize the short side to eval_resize, centre crop eval_size, subtract the mean.
struct Preprocessing {
  int train_size = 224;                                  ///< side of the training crop, pixels
  int eval_size = 224;                                   ///< side of the evaluation crop, pixels
  int eval_resize = 256;                                 ///< short side before the evaluation crop, pixels
  std::array<float, 3> mean{123.68f, 116.78f, 103.94f};  ///< subtracted from RGB in [0, 255]
  std::array<float, 3> deviation{1.f, 1.f, 1.f};         ///< divides after that
  bool apply_exif_orientation = false;
  /// Resize with antialiasing (as PIL and torchvision) instead of the original's plain bilinear. Better for networks
  /// trained on images much smaller than the files.
  bool antialias = false;

  /// From a type name of the original: "imagenet" (224, resize int(224/0.875)), "imagenet_NNN" (NNN),
  /// "imagenet_TTT_EEE" (train TTT, evaluate EEE), with suffix "a" (resize to size + 1).
  /// @throws UsageError naming the forms allowed
  static Preprocessing from_type(const std::string& type);
  /// JSON text for a model file's metadata, and back. @throws InputError on a missing or wrong key
  std::string to_json() const;
  static Preprocessing from_json(const std::string& text, const std::string& where);
  bool operator==(const Preprocessing&) const = default;
};

/// Random changes of a training image beyond crop and flip.
struct Augmentation {
  SampleBoxOptions box;
  double flip_probability = 0.5;
  /// Brightness, contrast and saturation are scaled by a factor uniform in [1 - x, 1 + x], in random order; 0 is off.
  double color_jitter = 0;
};

/// What the network sees of one image: side · side · 3 floats, HWC.
/// @param output exactly train_size² · 3 floats
/// @throws InputError when decoding fails
void preprocess_train(std::span<const uint8_t> encoded, const std::string& where, const std::vector<BoundingBox>& boxes,
                      const Preprocessing& preprocessing, const Augmentation& augmentation, Random& random,
                      std::span<float> output, Decoding decoding = Decoding::kExact);

/// @param output exactly eval_size² · 3 floats
void preprocess_eval(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                     std::span<float> output, Decoding decoding = Decoding::kExact);

}  // namespace assemble
