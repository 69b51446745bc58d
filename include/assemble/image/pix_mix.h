// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/aug_mix.h"
#include "assemble/image/image.h"

namespace assemble {

/// PixMix (Hendrycks et al., arXiv 2112.05135) as published: an image mixed, a few times over, with a picture of
/// complex structure and with changed copies of itself.
struct PixMix {
  int rounds = 0;    ///< most of an image, drawn from 0 to this; 0: off
  int severity = 3;  ///< largest level of AugMix' operations, 1 … 10
  double beta = 3;   ///< of the weights' Beta distributions; a larger one mixes less in
};

/// An operation of AugMix on a copy of the image.
struct PixMixChange {
  AugMixOperation operation;
  double level = 0;
  bool negated = false;
};

/// Mixes values x of the image so far with y of another one, both in [0, 1], and cuts off what leaves that range.
struct PixMixRound {
  std::optional<PixMixChange> change;  ///< y is the image changed by it; none: the picture
  bool multiplies = false;             ///< (2x)^a · (2y)^b / 2; otherwise (a · (2x - 1) + b · (2y - 1) + 1) / 2
  float a = 1, b = 0;
};

/// What is drawn for an image.
struct PixMixPlan {
  std::optional<PixMixChange> first;  ///< of the image that the rounds begin with
  std::vector<PixMixRound> rounds;
};

PixMixPlan draw_pix_mix(const PixMix& options, Random& random);

/// @param picture as large as the image
/// @param mixed RGB in [0, 255], as many values as the image has
void pix_mix(const Image& image, const Image& picture, const PixMixPlan& plan, std::span<float> mixed);

/// Mixes an image with a crop of one of the pictures, all of it drawn.
/// @param pictures at least as large as the image
void pix_mix(const Image& image, const PixMix& options, const std::vector<Image>& pictures, Random& random,
             std::span<float> mixed);

}  // namespace assemble
