// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// @file
/// Two sets of corruptions, with the parameters and the order of operations of the published generators, at any image
/// size. ImageNet-C: Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
/// Perturbations", ICLR 2019 (github.com/hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py).
/// ImageNet-C-bar: Mintun, Kirillov & Xie, "On Interaction Between Augmentations and Corruptions in Natural Corruption
/// Robustness", NeurIPS 2021, arXiv 2102.11273 (github.com/facebookresearch/augmentation-corruption, imagenet_c_bar).
/// Where no random numbers are involved, pixels equal the generators'; those of ImageNet-C-bar do so too when its
/// generator is given the same random numbers.
/// docs/corruptions.md shows all of them and says where this differs from the generators and from other packages.

/// Severities go from 1 to this.
inline constexpr int kCorruptionSeverities = 5;

/// A published set of corruptions.
enum class CorruptionSet {
  kC,    ///< ImageNet-C
  kCBar  ///< ImageNet-C-bar: chosen to be unlike those of ImageNet-C, so that augmentations made for them do not help
};
inline constexpr auto kCorruptionSets =
    choices<CorruptionSet>("set", {{CorruptionSet::kC, "c"}, {CorruptionSet::kCBar, "c-bar"}});

/// kC: the 19 of ImageNet-C in the published order: gaussian_noise, shot_noise, impulse_noise, defocus_blur,
/// glass_blur, motion_blur, zoom_blur, snow, frost, fog, brightness, contrast, elastic_transform, pixelate,
/// jpeg_compression (the official 15, over which mCE is defined), then speckle_noise, gaussian_blur, spatter, saturate
/// (the extra ones).
///
/// kCBar: the ten of ImageNet-C-bar by name, each at the five of the generator's levels, out of ten that its authors
/// measured, that the published set has (errors and their spread are to be like ImageNet-C's): blue_noise_sample 0.8,
/// 1.6, 2.4, 4, 5.6 (pixels are kept where noise that grows with frequency is above -2.26 … -0.82 deviations; black
/// elsewhere), brownish_noise 1 … 5 (noise of deviation 6.4 … 32 levels whose amplitude falls with the squared
/// frequency), caustic_refraction 2.35, 3.2, 4.9, 6.6, 9.15 (light through rippled water), checkerboard_cutout 2 … 6
/// (20 … 60 % of every other square of a turned checkerboard gray), cocentric_sine_waves 3, 5, 8, 9, 10 (wavy rings),
/// inverse_sparkles 1, 2, 4, 9, 10 (white but for a star), perlin_noise 4.6, 5.2, 5.8, 7.6, 8.8 (23 … 44 % clouds),
/// plasma_noise 4.75, 7, 8.5, 9.25, 10 (coloured swirls), single_frequency_greyscale 1, 1.5, 2, 4.5, 5 (one sine wave),
/// sparkles 1, 2, 3, 5, 6 (five stars).
const std::vector<std::string>& corruption_names(CorruptionSet set = CorruptionSet::kC);

/// Of all sets, one after the other.
const std::vector<std::string>& all_corruption_names();

/// How many of corruption_names(), from the front, are the official ones.
inline constexpr int kOfficialCorruptions = 15;

/// @throws UsageError with the list and the nearest match when `name` is no corruption
void check_corruption(const std::string& name);
/// @throws UsageError when `severity` is not 1 … kCorruptionSeverities
void check_severity(int severity);

/// Pictures of frost that corrupt() lays over an image.
using FrostTextures = std::vector<Image>;

/// Reads frost1.png, frost2.png, frost3.png, frost4.jpg and frost5.jpg, the photographs that the published generator
/// uses. (It also comes with a frost6.jpg, but never draws that one.)
/// @throws InputError when one is missing or unreadable
std::shared_ptr<const FrostTextures> load_frost_textures(const fs::path& directory);

/// Frost drawn by rule: feathery ice crystals in blue and white, as bright and as contrasted as the photographs. Drawn
/// once, on the first call; the same in every run.
std::shared_ptr<const FrostTextures> drawn_frost_textures();

struct CorruptOptions {
  uint64_t seed = 0;
  std::shared_ptr<const FrostTextures> frost;  ///< null: drawn_frost_textures()
};

/// Corrupts an image. The result has the same size; like the published files, its values are cut off towards zero.
///
/// A pure function: random numbers are keyed by (options.seed, index, name, severity), so the result depends neither on
/// threads nor on what was corrupted before. May be called from many threads.
/// @param severity 1 … 5
/// @param index    number of the image in its data set
/// @throws UsageError for an unknown name or severity, and for an empty image
/// @throws InputError when the image is smaller than the corruption needs: see smallest_corruptible(), or larger than
/// it
///         can work on: see limits.h
Image corrupt(const Image& image, const std::string& name, int severity, uint64_t index,
              const CorruptOptions& options = {});

/// Shortest side that the corruption works on.
int smallest_corruptible(const std::string& name, int severity);

}  // namespace assemble
