// SPDX-License-Identifier: Apache-2.0
// What a user says of a network that others wrote: its file says neither how its images are made nor what its outputs
// are.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/image/resize.h"

namespace assemble {

/// Order of the dimensions of images: channels before or after the pixels.
enum class ImageLayout { kNchw, kNhwc };
inline constexpr auto kImageLayouts =
    choices<ImageLayout>("layout", {{ImageLayout::kNchw, "nchw"}, {ImageLayout::kNhwc, "nhwc"}});

enum class ChannelOrder { kRgb, kBgr };
inline constexpr auto kChannelOrders =
    choices<ChannelOrder>("channels", {{ChannelOrder::kRgb, "rgb"}, {ChannelOrder::kBgr, "bgr"}});

/// How an image becomes a square, by timm's words where it has one.
enum class CropMode {
  kCenter,     ///< resize the short side, cut out the middle
  kSquash,     ///< resize both sides, regardless of the aspect
  kInception,  ///< cut out the middle 0.875 of both sides, then resize regardless of the aspect
};
inline constexpr auto kCropModes = choices<CropMode>(
    "crop", {{CropMode::kCenter, "center"}, {CropMode::kSquash, "squash"}, {CropMode::kInception, "inception"}});
inline constexpr auto kInterpolations = choices<ResizeFilter>(
    "interpolation", {{ResizeFilter::kBilinear, "bilinear"}, {ResizeFilter::kBicubic, "bicubic"}});

enum class OutputKind { kLogits, kSoftmax };
inline constexpr auto kOutputKinds =
    choices<OutputKind>("output", {{OutputKind::kLogits, "logits"}, {OutputKind::kSoftmax, "softmax"}});

/// What is said of a network, in a .toml file beside it or otherwise. What is not said is as the network's file says,
/// is guessed where that is safe, or has a default; where there is none of these, the file is refused. A key of the
/// .toml file is a member's name, with dashes.
struct ForeignModelOptions {
  std::optional<ImageLayout> layout = {};     ///< by default as the input's shape says
  std::optional<ChannelOrder> channels = {};  ///< that the network takes; by default kRgb
  /// What pixels of 0 and 255 are, before mean and deviation.
  std::optional<std::array<float, 2>> value_range = {};
  std::optional<std::array<float, 3>> mean = {};       ///< in the value range; always R, G, B
  std::optional<std::array<float, 3>> deviation = {};  ///< divides after that; always R, G, B
  std::optional<int> size = {};                        ///< side of the input, pixels; by default the input's
  std::optional<int> resize = {};                      ///< short side before CropMode::kCenter, pixels
  std::optional<CropMode> crop = {};
  std::optional<ResizeFilter> interpolation = {};
  /// As PIL, torchvision and timm resize; false: TensorFlow 1's plain bilinear.
  std::optional<bool> antialias = {};
  std::optional<OutputKind> output = {};
  std::string output_name = {};  ///< of the output with the classes, where there are several
  /// Outputs before the one of class 0, which are left out: 1 where that is a background.
  std::optional<int> label_offset = {};
  /// Any value of the network, by its name: by default what its last dense layer takes.
  std::string embedding_name = {};
  fs::path classes = {};                   ///< file of class names, one a line; empty: numbers
  std::optional<double> temperature = {};  ///< divides logits; `assemble calibrate` fits it
  /// Not of the file: what would be asked for is taken as torchvision has it. To measure speed, which does not depend
  /// on it.
  bool assume = false;

  /// @param text of the file `where`; a relative path in it is of that file's folder
  /// @throws UsageError naming file and line for a key that there is none of, with the nearest, and for a value that
  ///         does not fit; keys may be written with underscores
  static ForeignModelOptions from_toml(const std::string& text, const std::string& where);
  /// Every key that says something, in the file's words, in a fixed order. @param folder paths are written relative to
  std::map<std::string, std::string> to_keys(const fs::path& folder = {}) const;
  /// Those as lines of a file.
  std::string to_toml(const fs::path& folder = {}) const;
  /// What is said here and, where nothing is, what `others` say.
  ForeignModelOptions or_else(const ForeignModelOptions& others) const;
  /// Whether anything is said.
  bool given() const { return !to_keys().empty(); }
};

}  // namespace assemble
