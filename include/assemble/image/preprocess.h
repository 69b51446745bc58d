// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/random.h"
#include "assemble/image/aug_mix.h"
#include "assemble/image/auto_augment.h"
#include "assemble/image/decode.h"
#include "assemble/image/pix_mix.h"
#include "assemble/image/random_augment.h"
#include "assemble/image/random_erasing.h"
#include "assemble/image/sample_box.h"

namespace assemble {

/// How the original's families of preprocessing get from an image to a square.
enum class PreprocessingFamily {
  /// Training: sample a box, decode that window, flip, resize to train_size. Evaluation: resize the short side to
  /// eval_resize, centre crop.
  kImagenet,
  /// For retrieval. Training: with probability ½ each, resize to train_size, or to int(train_size / 0.875) and crop at
  /// random; flip. Evaluation: resize to eval_size. All regardless of the image's aspect.
  kReid,
  /// For Inception-style teachers. Training: sample a box (aspect 3/4…4/3, area 0.1…1), resize, flip, shift brightness
  /// and chroma. Evaluation: the central 0.875 of height and width, resized to eval_size.
  kInception,
  /// As torchvision's and timm's transforms, for networks from there. Training: as kImagenet. Evaluation: resize the
  /// short side to eval_resize and cut the long side off to a whole number; centre crop, half a pixel to the even side.
  /// Pixels are Pillow's, to the bit.
  kTorchvision,
  /// The same, but evaluation resizes the whole image to eval_size, regardless of its aspect.
  kTorchvisionSquash,
};

/// Whether evaluation gives Pillow's pixels, to the bit.
constexpr bool is_of_pillow(PreprocessingFamily family) {
  return family == PreprocessingFamily::kTorchvision || family == PreprocessingFamily::kTorchvisionSquash;
}

/// How an encoded image becomes network input; stored in every model file.
///
/// After the family's geometry, training changes colours as Augmentation says; the mean is subtracted, the deviation
/// divides.
struct Preprocessing {
  PreprocessingFamily family = PreprocessingFamily::kImagenet;
  int train_size = 224;                                  ///< side of the training crop, pixels
  int eval_size = 224;                                   ///< side of the evaluation crop, pixels
  int eval_resize = 256;                                 ///< short side before the evaluation crop, pixels
  std::array<float, 3> mean{123.68f, 116.78f, 103.94f};  ///< subtracted from RGB in [0, 255]
  std::array<float, 3> deviation{1.f, 1.f, 1.f};         ///< divides after that
  bool apply_exif_orientation = false;
  /// Resize with antialiasing (as PIL and torchvision) instead of the original's plain bilinear. Better for networks
  /// trained on images much smaller than the files.
  bool antialias = false;
  /// With antialias: PIL's bicubic filter instead of its bilinear one, as timm evaluates many networks.
  bool bicubic = false;
  /// Black borders make the image square before anything else (family kReid alone), so that aspect is kept.
  bool pad_to_square = false;

  ExifRule exif() const { return apply_exif_orientation ? ExifRule::kTurn : ExifRule::kIgnore; }

  /// From a type name of the original:
  ///  - "imagenet" (224, resize int(224/0.875)), "imagenet_NNN" (NNN), "imagenet_TTT_EEE" (train TTT, evaluate EEE),
  ///    each with suffix "a" (resize to size + 1);
  ///  - "reid" (train 224, evaluate int(224/0.875)), "reid_NNN" (both NNN);
  ///  - "inception_NNN" (RGB in [0, 1]);
  ///  - "torchvision" (224, resize 256), "torchvision_NNN" (NNN, resize floor(NNN/0.875)), "torchvision_NNN_RRR" (crop
  ///    NNN, resize RRR), each with suffix "_bicubic"; with torchvision's mean and deviation.
  /// @throws UsageError naming the forms allowed
  static Preprocessing from_type(const std::string& type);
  /// The family's training windows.
  SampleBoxOptions training_box() const;
  /// Whether evaluation resizes the short side to eval_resize and crops.
  bool resizes_short_side() const;
  /// Short side before the crops of TestViews: eval_resize, or int(eval_size / 0.875) in families that have none.
  int ten_crop_resize() const;
  /// JSON text for a model file's metadata, and back; family, pad_to_square and bicubic may be missing.
  /// @throws InputError on a missing or wrong key
  std::string to_json() const;
  static Preprocessing from_json(const std::string& text, const std::string& where);
  bool operator==(const Preprocessing&) const = default;
};

/// Random changes of a training image beyond the family's own.
struct Augmentation {
  SampleBoxOptions box;
  /// Windows must cover box.min_object_covered of one of the sample's object boxes instead of the whole image: the
  /// original's later branch, of kImagenet and kTorchvision. Off is what the original trained with.
  bool object_boxes = false;
  /// The crop of evaluation, at train_size, in the place of a random one (FixRes); all else stays.
  bool evaluation_crop = false;
  double flip_probability = 0.5;
  /// Applied to bytes: the resized crop is truncated to 8 bits first, as the original does. nullptr: off.
  const AutoAugmentPolicy* auto_augment = nullptr;
  /// Applied to the same bytes, after the policy where there is one.
  std::optional<RandomAugment> random_augment;
  AugMix aug_mix;  ///< of the same bytes after that
  PixMix pix_mix;  ///< in AugMix' place
  /// That pix_mix mixes in: draw_pictures().
  std::shared_ptr<const std::vector<Image>> pictures;
  /// Brightness, contrast and saturation are scaled by a factor uniform in [1 - x, 1 + x], in random order; 0 is off.
  double color_jitter = 0;
  RandomErasing erasing;

  /// Of each image that a network sees.
  int views() const { return aug_mix.severity > 0 ? aug_mix.views : 1; }
  /// Whether an image may look different each time that it is seen.
  bool is_random(PreprocessingFamily family) const;
  /// Draws fractals for crops of up to `side` pixels, a function of both arguments. Every core draws.
  void draw_pictures(int side, uint64_t seed);
  /// Sets auto_augment or random_augment by name: a policy, what RandomAugment::parse() takes, or none.
  /// @throws UsageError listing the names
  void set_operations(const std::string& name);
  /// For help: "imagenet, good, …".
  static std::string operation_names();
};

/// What the network sees of one image: side · side · 3 floats, HWC.
/// @param boxes of objects, without effect unless Augmentation::object_boxes
/// @param output exactly train_size² · 3 floats for each view of AugMix, one after the other
/// @throws InputError when decoding fails, or an image of more than 2^28 pixels would be made; so do those below
void preprocess_train(std::span<const uint8_t> encoded, const std::string& where, const std::vector<BoundingBox>& boxes,
                      const Preprocessing& preprocessing, const Augmentation& augmentation, Random& random,
                      std::span<float> output, Decoding decoding = Decoding::kExact);

/// A training image whose geometry is left to others: what its window holds, as it was decoded.
struct TrainingWindow {
  Image image;
  bool mirrored = false;  ///< left to right, before it is resized
};

/// Whether preprocess_train() resizes a window by the plain bilinear filter, subtracts the mean, divides, and no more.
bool is_plain_window(const Preprocessing& preprocessing, const Augmentation& augmentation);

/// What preprocess_train() decodes there, with the random numbers that it draws.
/// @throws UsageError unless is_plain_window()
TrainingWindow training_window(std::span<const uint8_t> encoded, const std::string& where,
                               const std::vector<BoundingBox>& boxes, const Preprocessing& preprocessing,
                               const Augmentation& augmentation, Random& random, Decoding decoding = Decoding::kExact);

/// @param output exactly eval_size² · 3 floats
void preprocess_eval(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                     std::span<float> output, Decoding decoding = Decoding::kExact);

/// The same of an image that is decoded already, of any size. Its orientation is not looked at.
void preprocess_eval(Image image, const Preprocessing& preprocessing, std::span<float> output);

/// Input of a frame that was cut already: resized to eval_size where it has another size, mean subtracted.
/// @param output exactly eval_size² · 3 floats
void preprocess_frame(const Image& frame, const Preprocessing& preprocessing, std::span<float> output);

/// Which views of an image evaluation looks at: under test-time augmentation it averages their probabilities.
enum class TestViews {
  kOne,     ///< preprocess_eval()'s
  kMirror,  ///< that and its mirror image: 2 views
  /// Short side to ten_crop_resize(), then crops of eval_size at the upper left, upper right, lower left, lower right
  /// and in the centre: 5 views.
  kFiveCrop,
  kTenCrop,  ///< those, then the same mirrored: 10 views
  /// Crops of eval_size in the centre of the image with its short side at eval_size, at ten_crop_resize() and at that
  /// times 1.15, then the same mirrored: 6 views.
  kScales,
};
inline constexpr auto kTestViews = choices<TestViews>("tta", {{TestViews::kOne, "none"},
                                                              {TestViews::kMirror, "mirror"},
                                                              {TestViews::kFiveCrop, "five-crop"},
                                                              {TestViews::kTenCrop, "ten-crop"},
                                                              {TestViews::kScales, "scales"}});

/// How many views that are.
int view_count(TestViews views);

/// @param output exactly view_count() · eval_size² · 3 floats, one view after the other
void preprocess_views(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                      TestViews views, std::span<float> output, Decoding decoding = Decoding::kExact);

}  // namespace assemble
