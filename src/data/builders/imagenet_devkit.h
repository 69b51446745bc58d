// SPDX-License-Identifier: Apache-2.0
// The devkit of ILSVRC 2012. Its numbers of classes, 1…1000 in an order of their own, are those of the validation
// ground truth; meta.mat says the synset of each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble::raw {

struct ImageNetDevkit {
  std::vector<std::string> validation;       ///< synset of image 1, 2 …
  std::map<std::string, std::string> words;  ///< by synset: "tench, Tinca tinca"
  std::string where;                         ///< of the ground truth, for errors
};

/// Reads an unpacked devkit (its folder, with data/) or the published archive.
/// @throws InputError when it is damaged, or that of another year
ImageNetDevkit read_imagenet_devkit(const fs::path& path);

}  // namespace assemble::raw
