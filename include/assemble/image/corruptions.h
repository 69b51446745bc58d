// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// @file
/// The corruptions of ImageNet-C (Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common
/// Corruptions and Perturbations", ICLR 2019), with the parameters and the order of operations of the published
/// generator (github.com/hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py), at any image size.
/// Where no random numbers are involved, pixels equal the generator's.
/// docs/corruptions.md shows all of them and says where this differs from the generator and from other packages.

/// Severities go from 1 to this.
inline constexpr int kCorruptionSeverities = 5;

/// The 19 of ImageNet-C in the published order: gaussian_noise, shot_noise, impulse_noise, defocus_blur, glass_blur,
/// motion_blur, zoom_blur, snow, frost, fog, brightness, contrast, elastic_transform, pixelate, jpeg_compression (the
/// official 15, over which mCE is defined), then speckle_noise, gaussian_blur, spatter, saturate (the extra ones).
const std::vector<std::string>& corruption_names();

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
