// SPDX-License-Identifier: Apache-2.0
// Networks that others wrote (torch.onnx, tf2onnx, timm …): an .onnx file says neither how its images are made nor what
// its outputs are, so a small .toml file beside it does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "assemble/core/choice.h"
#include "assemble/deploy/engine.h"
#include "assemble/image/resize.h"
#include "assemble/io/onnx_writer.h"

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

/// What the .toml file says; a key is a member's name, with dashes. What is not said is as the .onnx file says, or its
/// default; where neither is, the file is refused.
struct ForeignModelOptions {
  std::optional<ImageLayout> layout;                ///< by default as the input's shape says
  ChannelOrder channels = ChannelOrder::kRgb;       ///< that the network takes
  std::optional<std::array<float, 2>> value_range;  ///< what pixels of 0 and 255 are, before mean and deviation
  std::optional<std::array<float, 3>> mean;         ///< in the value range; always R, G, B
  std::optional<std::array<float, 3>> deviation;    ///< divides after that; always R, G, B
  std::optional<int> size;                          ///< side of the input, pixels; by default the input's
  std::optional<int> resize;                        ///< short side before CropMode::kCenter, pixels
  std::optional<CropMode> crop;
  std::optional<ResizeFilter> interpolation;
  std::optional<bool> antialias;  ///< as PIL, torchvision and timm resize; false: TensorFlow 1's plain bilinear
  std::optional<OutputKind> output;
  std::string output_name;   ///< of the output with the classes, where there are several
  int label_offset = 0;      ///< outputs before the one of class 0, which are left out: 1 where that is a background
  std::string classes = {};  ///< file of class names, one a line, relative to the .toml file; empty: numbers

  /// @param text of the file `where`
  /// @throws UsageError naming file and line for a key that there is none of, with the nearest, and for a value that
  ///         does not fit; keys may be written with underscores
  static ForeignModelOptions from_toml(const std::string& text, const std::string& where);
};

/// Key in ModelCard::training under which ForeignModel::description stands.
inline constexpr const char* kForeignKey = "foreign";

/// A network that others wrote, with everything known that there is to know.
struct ForeignModel {
  ImageLayout layout = ImageLayout::kNchw;
  ChannelOrder channels = ChannelOrder::kRgb;
  bool pixels = false;  ///< takes bytes
  int64_t batch = 0;    ///< images that it takes at once; 0: any number
  std::string output_name;
  OutputKind output = OutputKind::kLogits;
  int64_t label_offset = 0;
  ModelCard card;           ///< arch says who wrote it; its classes are those after the offset
  std::string description;  ///< all of it in a line

  int64_t outputs() const { return card.classes() + label_offset; }
};

/// Where the options of an .onnx file lie: teacher.toml of teacher.onnx.
fs::path foreign_options_file(const fs::path& onnx);

/// Whether another program than `assemble export` wrote an .onnx file. @throws InputError when it cannot be read
bool is_foreign(const fs::path& onnx);

/// Puts together what an .onnx file says of itself and what is said of it.
/// @param where the file, named in errors
/// @throws InputError for a network that is no classifier of square images, and for options that contradict it or leave
///         something open: the error lists what to say
ForeignModel describe_foreign(const OnnxInterface& interface, const ForeignModelOptions& options, const fs::path& onnx);

/// The same for a file and the .toml file beside it.
/// @throws InputError also when there is no .toml file
ForeignModel read_foreign(const fs::path& onnx);

/// An engine whose outputs are the logits of the card's classes: probabilities become their logarithms, those below
/// f32's smallest normal number that number's; outputs before the offset are left out.
/// @param engine gives the network's own outputs
/// @param where the file; run() throws InputError naming it when outputs said to be a softmax do not add up to 1, or
///        those said to be logits do
std::unique_ptr<Engine> as_logits(std::unique_ptr<Engine> engine, const ForeignModel& model, const std::string& where);

}  // namespace assemble
