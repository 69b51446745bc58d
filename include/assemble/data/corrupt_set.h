// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/data/dataset.h"
#include "assemble/data/derived_folder.h"
#include "assemble/image/corruptions.h"
#include "assemble/image/decode.h"

namespace assemble {

/// Name of the file in a corrupted set's folder that says how it was made.
inline constexpr const char* kCorruptSetManifest = "corruptions.json";

enum class CorruptFormat {
  kJpeg,  ///< as published
  kPng    ///< without loss
};
inline constexpr auto kCorruptFormats =
    choices<CorruptFormat>("format", {{CorruptFormat::kJpeg, "jpeg"}, {CorruptFormat::kPng, "png"}});

struct CorruptSetOptions {
  std::vector<std::string> corruptions = corruption_names();
  std::vector<int> severities{1, 2, 3, 4, 5};
  int resize = 256;  ///< short side, pixels, antialiased bilinear; 0: as it is
  int crop = 224;    ///< side of the square cut from the middle; 0: none
  ExifRule exif = ExifRule::kIgnore;
  uint64_t seed = 0;
  fs::path frost_dir;  ///< load_frost_textures(); empty: drawn frost
  CorruptFormat format = CorruptFormat::kJpeg;
  int quality = 85;   ///< of JPEG
  int threads = 0;    ///< 0: every core
  std::string split;  ///< of the data set, for the record: another one needs another folder
};

/// The options that decide the pixels of each image: resize, crop, seed, frost, format, quality. Images made with the
/// same ones are the same.
nlohmann::ordered_json pixel_settings(const CorruptSetOptions& options);

/// Warns where the first image has the crop's size already and would be resized all the same: enlarged and cut, it
/// loses its borders and its sharpness, as sets that were cut to their size before often do.
void warn_of_needless_resizing(const Dataset& dataset, const CorruptSetOptions& options);

/// Writes a corrupted copy of a data set in the layout of ImageNet-C: OUT/CORRUPTION/SEVERITY/CLASS/NAME.JPEG (.png).
///
/// NAME is the image's path below its data set's folder, or image_NNNNNNNN by its index in records and archives; images
/// without a class lie in no CLASS. Each file appears whole or not at all, and whole files of the right size that are
/// there already are kept: called again, it goes on where it stopped. OUT/corruptions.json records how the set was made
/// and whether it is complete. The result does not depend on the number of threads.
/// @throws UsageError for an unknown corruption or severity, when OUT and the data set lie in one another, when OUT
/// holds
///         a set made in another way, and when it holds folders of corruptions but no record
/// @throws InputError when frost is missing, when two images would become one file (a.png and a.jpg, a.png and A.png),
///         RunError when writing fails
DerivedReport corrupt_dataset(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options);

}  // namespace assemble
