// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/nn/autocast.h"
#include "assemble/train/train_options.h"

namespace assemble {
namespace {

constexpr int64_t kMostEpochs = 100'000'000;  // epochs are part of random numbers' keys, 32 bits wide
constexpr int64_t kMostImages = 1'000'000;    // of a pass, and passes of a step: products stay far from 2^63
constexpr int kLargestSide = 65535;
constexpr int kMostRounds = 100;        // of PixMix: each mixes every value
constexpr double kLargestMargin = 1.5;  // below π/2

void require(bool holds, const char* option, const std::string& expected) {
  if (!holds) throw UsageError(option, "is out of range", "expected " + expected);
}

/// NaN and infinities are in no range.
void require_at_least(double value, double least, const char* option) {
  require(std::isfinite(value) && value >= least, option, concat(least, " or more"));
}

void require_share(double value, const char* option) { require(value >= 0 && value <= 1, option, "0 <= value <= 1"); }

void require_below_1(double value, const char* option) { require(value >= 0 && value < 1, option, "0 <= value < 1"); }

/// AugMix' views are compared with each other, which goes with little else.
void require_alone_with_views(bool is_on, const char* option, const char* reason) {
  if (!is_on) return;
  throw UsageError(option, reason, "leave it out, or set `jensen_shannon` to 0: AugMix without its loss goes with it");
}

}  // namespace

CheckpointInterval CheckpointInterval::parse(const std::string& text) {
  std::string_view unit;
  const std::optional<double> amount = parse_number(text, &unit);
  const bool is_known = amount && *amount > 0 && (unit.empty() || unit == "e" || unit == "m");
  if (!is_known || (unit.empty() && *amount != std::floor(*amount))) {
    throw UsageError("`checkpoint_every`", concat("'", text, "' is no interval"),
                     "500 is steps, 0.25e epochs, 10m minutes");
  }
  return {*amount, unit.empty() ? Unit::kSteps : unit == "e" ? Unit::kEpochs : Unit::kMinutes};
}

void TrainOptions::check() const {
  (void)autocast_precision(precision);
  const int multiple = Arch::parse(arch).size_multiple();
  for (const int side : {preprocessing.train_size, preprocessing.eval_size, small_size}) {
    require(side >= 0 && side <= kLargestSide, "image side", concat("at most ", kLargestSide, " pixels"));
    if (side % multiple == 0) continue;
    throw UsageError(concat("`arch` ", arch),
                     concat("needs image sides that are multiples of ", multiple, ", not ", side),
                     concat("the nearest are ", side / multiple * multiple, " and ", (side / multiple + 1) * multiple));
  }
  require(epochs >= 1 && epochs <= kMostEpochs, "`epochs`", concat("1 to ", kMostEpochs));
  require(batch_size >= 1 && batch_size <= kMostImages, "`batch_size`", concat("1 to ", kMostImages));
  require(mixup != MixupType::kKeepBatch || batch_size % 2 == 0, "`batch_size`", "an even number with `mixup` 2");
  require(accumulate >= 1 && accumulate <= kMostImages, "`accumulate`", concat("1 to ", kMostImages));
  require(backbone_lr_factor > 0 && std::isfinite(backbone_lr_factor), "`backbone_lr_factor`",
          "more than 0 (`freeze` backbone leaves it alone)");
  if (freeze != FreezeDepth::kNone && pretrained.empty()) {
    throw UsageError(concat("`freeze` ", kFreezeDepths.name(freeze)), "would keep weights that were drawn at random",
                     "name the file that they are to come from as `pretrained`");
  }
  if (pretrained_classifier && pretrained.empty()) {
    throw UsageError("`pretrained_classifier`", "has no effect without `pretrained`", "leave it out");
  }
  if (augmentation.evaluation_crop && (preprocessing.train_size != preprocessing.eval_size || small_size > 0)) {
    throw UsageError("`augmentation.evaluation_crop`", "trains on what evaluation sees, at its side",
                     "set `train_size` to `eval_size`, and `small_size` to 0");
  }
  if (crop_on_device && !is_plain_window(preprocessing, augmentation)) {
    throw UsageError(
        "`crop_on_device`", "is for training windows that are resized by the plain bilinear filter, and no more",
        "leave it out, or use a preprocessing type imagenet_NNN without `a` and no augmentation of colours");
  }
  if (crop_on_device && log_images > 0) {
    throw UsageError("`log_images`", "shows what the loader makes, which with `crop_on_device` are no images yet",
                     "use one of them");
  }
  if (pretrained_averages && pretrained.empty()) {
    throw UsageError("`pretrained_averages`", "has no effect without `pretrained`", "leave it out");
  }
  require_below_1(label_smoothing, "`label_smoothing`");
  require_below_1(sigmoid.target_threshold, "`sigmoid.target_threshold`");
  if (balance == ClassBalance::kLoss && loss == LossType::kSigmoid) {
    throw UsageError("`balance`", "loss goes by shares of classes that exclude each other, as those of sigmoid do not",
                     "use `balance` sampling, or the softmax loss");
  }
  require(cosine_scale > 0 && std::isfinite(cosine_scale), "`cosine_scale`", "more than 0");
  require(arcface_margin >= 0 && arcface_margin < kLargestMargin, "`arcface_margin`",
          concat("radians, 0 <= value < ", kLargestMargin));
  if (loss == LossType::kArcFace && mixes_images()) {
    throw UsageError(mixup != MixupType::kOff ? "`mixup`" : "`cutmix_alpha`",
                     "mixes labels, but the margin of `loss` arcface is for one class an image",
                     "use `mixup` 0 and `cutmix_alpha` 0, or `loss` cosine");
  }
  require_at_least(jensen_shannon, 0, "`jensen_shannon`");
  require(augmentation.aug_mix.severity >= 0 && augmentation.aug_mix.severity <= 10, "`augmentation.aug_mix.severity`",
          "1 to 10, or 0");
  const PixMix& pix_mix = augmentation.pix_mix;
  require(pix_mix.rounds >= 0 && pix_mix.rounds <= kMostRounds, "`augmentation.pix_mix.rounds`",
          concat("0 to ", kMostRounds));
  require(pix_mix.severity >= 1 && pix_mix.severity <= 10, "`augmentation.pix_mix.severity`", "1 to 10");
  require(pix_mix.beta > 0 && std::isfinite(pix_mix.beta), "`augmentation.pix_mix.beta`", "more than 0");
  if (pix_mix.rounds > 0 && augmentation.aug_mix.severity > 0) {
    throw UsageError("`augmentation.pix_mix.rounds`", "mixes the image that `augmentation.aug_mix.severity` mixes",
                     "use one of them");
  }
  if (compares_views()) {
    require_alone_with_views(mixes_images(), mixup != MixupType::kOff ? "`mixup`" : "`cutmix_alpha`",
                             "mixes images of which AugMix' views are no longer views");
    require_alone_with_views(kd_temperature > 0, "`kd_temperature`",
                             "has a teacher's answer to one view of each image");
    require_alone_with_views(loss == LossType::kSigmoid, "`loss`",
                             "sigmoid gives no probabilities that add up to one, as AugMix compares them");
  }
  require_at_least(kd_temperature, 0, "`kd_temperature`");
  if (!teacher.empty() && kd_temperature == 0) {
    throw UsageError("`teacher`", "has no effect with `kd_temperature` 0", "set `kd_temperature` to 1");
  }
  require(mixup_alpha > 0 && std::isfinite(mixup_alpha), "`mixup_alpha`", "more than 0");
  require_at_least(cutmix_alpha, 0, "`cutmix_alpha`");
  require_share(cutmix_share, "`cutmix_share`");
  require(cutmix_alpha == 0 || mixup == MixupType::kHalves || batch_size > 1, "`batch_size`",
          "at least 2 with `cutmix_alpha`: an image alone has no partner");
  require(drop_block.empty() || drop_block.size() == 2, "`drop_block`", "two keep probabilities, first and last");
  for (const double keep : drop_block) require(keep > 0 && keep <= 1, "`drop_block`", "0 < keep probability <= 1");
  require_below_1(stochastic_depth, "`stochastic_depth`");
  require(drop_block_size >= 1, "`drop_block_size`", "at least 1");
  if (bn_momentum) require_below_1(*bn_momentum, "`bn_momentum`");
  require_below_1(average_decay, "`average_decay`");
  require_at_least(clip_gradients, 0, "`clip_gradients`");
  require_at_least(sam_rho, 0, "`sam_rho`");
  require(sam_every >= 1, "`sam_every`", "1 or more");
  if (sam_rho > 0 && accumulate > 1) {
    throw UsageError("`sam_rho`", "looks twice at the batch of a step, but `accumulate` has several that pass by",
                     "use `accumulate` 1 with a larger `batch_size`");
  }
  require(skip_non_finite >= 0, "`skip_non_finite`", "0 or more");
  require(aug_repeats >= 1 && aug_repeats <= batch_size, "`aug_repeats`", "1 to `batch_size`");
  require_share(small_share, "`small_share`");
  require_at_least(fine_eval_ratio, 0, "`fine_eval_ratio`");
  require(eval_every >= 1, "`eval_every`", "at least 1");
  require(eval_batch_size >= 1 && eval_batch_size <= kMostImages, "`eval_batch_size`", concat("1 to ", kMostImages));
  require(keep_best >= 1, "`keep_best`", "at least 1");
  require(keep_checkpoints >= 1, "`keep_checkpoints`", "at least 1");
  require(log_every >= 1, "`log_every`", "at least 1");
  require(log_images >= 0 && log_images <= kMostImages, "`log_images`", concat("0 to ", kMostImages));
  require(profile >= 0, "`profile`", "0 or more");
  require(max_steps >= 0, "`max_steps`", "0 or more");
  require_share(stop_at, "`stop_at`");
  require(patience >= 0, "`patience`", "0 or more");
  require_at_least(max_minutes, 0, "`max_minutes`");
  require(std::isfinite(checkpoint_every.amount) && checkpoint_every.amount > 0, "`checkpoint_every`", "more than 0");
  require(compare_every >= 0, "`compare_every`", "0 or more");
  require(scale_lr >= 0, "`scale_lr`", "0 or more");
  require(prefetch >= 1, "`prefetch`", "at least 1");
  require(loader_threads >= 0, "`loader_threads`", "0 or more");
  require(max_broken >= 0, "`max_broken`", "0 or more");
  require_share(augmentation.flip_probability, "`augmentation.flip_probability`");
  require_share(augmentation.erasing.probability, "`augmentation.erasing.probability`");
  require_at_least(augmentation.color_jitter, 0, "`augmentation.color_jitter`");
  require_below_1(optimizer.momentum, "`optimizer.momentum`");
  require_at_least(optimizer.weight_decay, 0, "`optimizer.weight_decay`");
  require_below_1(adam.beta1, "`adam.beta1`");
  require_below_1(adam.beta2, "`adam.beta2`");
  require(adam.epsilon > 0 && std::isfinite(adam.epsilon), "`adam.epsilon`", "more than 0");
}

}  // namespace assemble
