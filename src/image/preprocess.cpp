// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/preprocess.h"

#include <algorithm>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/fractals.h"
#include "augment/color_jitter.h"
#include "preprocess_parts.h"
#include "preprocessing_type.h"

namespace assemble {
namespace {

const std::vector<BoundingBox> kNoBoxes;

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
    switch (preprocessing_.family) {
      case PreprocessingFamily::kImagenet:
      case PreprocessingFamily::kTorchvision:
      case PreprocessingFamily::kTorchvisionSquash: {
        const TrainingWindow cut = window(encoded, where, boxes);
        return resize_whole(cut.image, cut.mirrored ? Mirror::kBefore : Mirror::kNo, output);
      }
      case PreprocessingFamily::kReid:
        return stretch_or_crop(decode_image(encoded, where, decode_options(preprocessing_, decoding_, side_)), where,
                               output);
      case PreprocessingFamily::kInception: {
        const Image image = decode_sampled(encoded, where, kNoBoxes, decode_options(preprocessing_, decoding_, side_));
        return resize_whole(image, flip(Mirror::kAfter), output);
      }
    }
  }

  TrainingWindow window(std::span<const uint8_t> encoded, const std::string& where,
                        const std::vector<BoundingBox>& boxes) {
    DecodeOptions options = decode_options(preprocessing_, decoding_, side_);
    options.window_ends_image = true;
    TrainingWindow cut;
    cut.image = decode_sampled(encoded, where, augmentation_.object_boxes ? boxes : kNoBoxes, options);
    cut.mirrored = flip(Mirror::kBefore) == Mirror::kBefore;
    return cut;
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

  void resize_whole(const Image& image, Mirror mirror, std::span<float> output) {
    resize_crop(image, {side_, side_}, {0, 0, side_, side_}, mirror, preprocessing_, mean_, output);
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

/// Evaluation's crop at the side of training, mirrored or not. @param mean subtracted from the result
void make_evaluation_crop(std::span<const uint8_t> encoded, const std::string& where, Preprocessing preprocessing,
                          double flip_probability, Random& random, Decoding decoding, const Colour& mean,
                          std::span<float> output) {
  preprocessing.eval_size = preprocessing.train_size;
  preprocessing.mean = mean;
  evaluate_crop(encoded, where, preprocessing, decoding, output);
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

bool is_plain_window(const Preprocessing& preprocessing, const Augmentation& augmentation) {
  const bool cuts_window = preprocessing.family == PreprocessingFamily::kImagenet ||
                           preprocessing.family == PreprocessingFamily::kTorchvision;
  return cuts_window && !preprocessing.antialias && !augmentation.evaluation_crop && augmentation.views() == 1 &&
         augmentation.auto_augment == nullptr && !augmentation.random_augment && augmentation.aug_mix.severity == 0 &&
         augmentation.pix_mix.rounds == 0 && augmentation.color_jitter == 0 && augmentation.erasing.probability == 0;
}

TrainingWindow training_window(std::span<const uint8_t> encoded, const std::string& where,
                               const std::vector<BoundingBox>& boxes, const Preprocessing& preprocessing,
                               const Augmentation& augmentation, Random& random, Decoding decoding) {
  if (!is_plain_window(preprocessing, augmentation)) {
    throw UsageError("training window", "more is done to images than a plain bilinear resize");
  }
  return TrainingCrop(preprocessing, augmentation, random, decoding, {}).window(encoded, where, boxes);
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

}  // namespace assemble
