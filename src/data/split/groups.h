// SPDX-License-Identifier: Apache-2.0
// Images that no split cuts.
#pragma once

#include <string>
#include <vector>

#include "assemble/data/split.h"

namespace assemble {

/// An image to be split.
struct SplitImage {
  std::string path;  ///< below the data set's root
  int64_t label = 0;
};

/// The number of each image's group.
/// @param splits the one that the images are of
/// @throws UsageError for a pattern that is none, InputError for a file name in which it is not found
std::vector<size_t> group_images(const fs::path& root, const std::vector<OpenSplit>& splits,
                                 const std::vector<SplitImage>& images, const SplitOptions& options);

}  // namespace assemble
