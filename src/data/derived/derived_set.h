// SPDX-License-Identifier: Apache-2.0
// What writing a set of corrupted images and writing one of sequences have in common: where each image goes, which
// folders they may go to, and the record beside them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/core/resumable_folder.h"
#include "assemble/data/dataset.h"
#include "assemble/image/decode.h"

namespace assemble {

/// Where an image goes below each folder of a set, without extension: its path in the data set's folder; for records
/// and archives CLASS/image_NNNNNNNN by its index, without CLASS where there is none.
/// @param label of the image
fs::path derived_stem(const Dataset& dataset, int64_t index, int64_t label);

/// @param folders whether a folder is made of each stem, in which no other may lie
/// @throws InputError when two images would share an output, or two classes a folder, also on file systems that know no
///         case; for a class whose name is no folder's
void check_derived_names(const Dataset& dataset, bool folders);

/// Identifies the images of a data set by their names and order; null for records and archives.
nlohmann::ordered_json derived_sources(const Dataset& dataset);

/// The folder of a set, which goes on where it was interrupted.
/// @param record name of the file beside the images
ResumableFolder derived_folder(const fs::path& output, const std::string& record);

/// Notes in a set's settings that images were turned: sets of earlier versions have none that were, and say nothing.
void add_exif(ExifRule exif, nlohmann::ordered_json& settings);

/// The record of a set, read again.
/// @param settings decide the contents: a set goes on only with the same ones
/// @param parts    names of folders that will be written
/// @return null for a set that begins
/// @throws UsageError when the set was made with other settings, and when there is no record but one of the folders
/// @throws InputError for another file of the record's name
nlohmann::ordered_json read_set_record(const ResumableFolder& set, const nlohmann::ordered_json& settings,
                                       const std::vector<std::string>& parts);

/// Is the file an image of this format and size that ends as its format does? A machine that lost power may leave a
/// file without its contents, and other programs leave other files.
/// @param side of the square; 0: any size
bool is_whole_image(const fs::path& path, ImageFormat format, int side);

}  // namespace assemble
