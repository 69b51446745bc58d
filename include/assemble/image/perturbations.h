// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/image/image.h"

namespace assemble {

/// @file
/// The perturbation sequences of ImageNet-P (Hendrycks & Dietterich, ICLR 2019), with the parameters, the number of
/// frames and the order of operations of the published generator (github.com/hendrycks/robustness,
/// ImageNet-P/create_p/make_imagenet_p.py), at any image size. Where no random numbers are involved, pixels equal the
/// generator's; of tilt, the generator's with OpenCV 4.

/// The 10 kinds over which mFR is defined: gaussian_noise, shot_noise, motion_blur, zoom_blur, snow, brightness,
/// translate, rotate, tilt, scale; then the extra ones: speckle_noise, gaussian_blur, spatter, shear, and the stronger
/// noises gaussian_noise_2, gaussian_noise_3, shot_noise_2, shot_noise_3, speckle_noise_2, speckle_noise_3.
const std::vector<std::string>& perturbation_names();

/// How many of perturbation_names(), from the front, are the official ones.
inline constexpr int kOfficialPerturbations = 10;

/// @throws UsageError with the list and the nearest match when `name` is no kind of perturbation
void check_perturbation(const std::string& name);

/// Frames of a sequence: 31, and 41 of translate.
int perturbation_frames(const std::string& name);

/// True of the noises, whose frames are independent: each is compared to the first, clean frame. The frames of the
/// other kinds follow each other, and each is compared to the one before.
bool compares_to_first_frame(const std::string& name);

struct PerturbOptions {
  uint64_t seed = 0;
  int crop = 224;  ///< side of the square cut from the middle of every frame, pixels
};

/// The frames of a sequence, each crop × crop.
///
/// A pure function: random numbers are keyed by (options.seed, index, name).
/// @param image the resized image (short side 256 as published): geometric kinds move its margins into the crop
/// @param index number of the image in its data set
/// @throws UsageError for an unknown name, InputError when the image is smaller than the crop or
///         too large to be warped, and when the frames together are larger than limits.h allows
std::vector<Image> perturb(const Image& image, const std::string& name, uint64_t index,
                           const PerturbOptions& options = {});

}  // namespace assemble
