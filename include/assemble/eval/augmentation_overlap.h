// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "assemble/deploy/model_file.h"
#include "assemble/image/preprocess.h"

namespace assemble {

/// @file
/// Corruptions that resemble an augmentation of the training. Errors under them say how well a network knows its
/// augmentation, and not what it does under corruptions that it never saw (Mintun et al., arXiv 2102.11273).

/// Notes in the card, key "augmentation", what training changed images with besides cutting and mirroring them.
void note_augmentation(ModelCard& card, const Augmentation& augmentation);

/// Augmentations by corruption, as far as the card names them; a card without the note gives none. Brightness, contrast
/// and saturation (saturate) are changed by colour jitter, by the inception family's own colours, by RandAugment and
/// TrivialAugment, and by AutoAugment's policies that hold these operations; gray patches (checkerboard_cutout) are
/// what random erasing and a policy's Cutout leave; PixMix mixes the image with a picture, as fog, frost, perlin_noise
/// and plasma_noise do. AugMix' operations are none of the corruptions.
std::map<std::string, std::vector<std::string>> overlapping_corruptions(const ModelCard& card);

}  // namespace assemble
