// SPDX-License-Identifier: Apache-2.0
// What the builders share: published lists, one line each, and the checks on what stands in them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assemble/data/build.h"

namespace assemble::raw {

/// A line of a text file.
struct Line {
  std::string text;
  std::string where;  ///< file and line, for errors

  /// Words between spaces or tabs. @throws InputError for fewer than `least`
  std::vector<std::string> words(size_t least) const;
  /// @throws InputError when it is no decimal integer in [low, high]
  int64_t integer(const std::string& word, int64_t low, int64_t high) const;
};

/// Lines that are not empty, without their ends; see assemble/core/text_file.h.
/// @throws InputError when the file cannot be read, with what the raw folder must hold
std::vector<Line> read_lines(const fs::path& file);

/// The first of several folders or files that exists.
/// @throws InputError naming them all
fs::path find_one(const fs::path& raw, const std::vector<std::string>& names);

/// A name of the raw files appended to a folder.
/// @throws InputError when the name would lead out of the folder
fs::path inside(const fs::path& folder, const std::string& name, const std::string& where);

/// Label of each name. @throws InputError for a name that occurs twice
std::map<std::string, int64_t> labels_of(const std::vector<std::string>& names, const std::string& where);

/// @throws InputError for a name that has no label
int64_t label_of(const std::map<std::string, int64_t>& labels, const std::string& name, const std::string& where);

/// One file a data set; see Builder.
RawDataset list_folder(const fs::path& raw);
RawDataset list_imagenet(const fs::path& raw);
RawDataset list_food101(const fs::path& raw);
RawDataset list_cars196(const fs::path& raw);
RawDataset list_cars196_zeroshot(const fs::path& raw);
RawDataset list_pets(const fs::path& raw);
RawDataset list_aircraft(const fs::path& raw);
RawDataset list_cub200_zeroshot(const fs::path& raw);
RawDataset list_sop(const fs::path& raw);
RawDataset list_food100(const fs::path& raw);
RawDataset list_flowers102(const fs::path& raw);
RawDataset list_ifood2019(const fs::path& raw);

}  // namespace assemble::raw
