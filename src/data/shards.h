// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// "train-00003-of-00008".
std::string shard_name(const std::string& split, int index, int count);

/// Shards of a split ("train", "validation") in a folder, in order; empty when there are none.
/// @throws InputError when some of a set are missing, or two sets are mixed
std::vector<fs::path> find_shards(const fs::path& directory, const std::string& split);

/// Class names of a folder of records: its manifest's, else those of classes.txt.
/// @throws InputError when there are none
std::vector<std::string> class_names_of(const fs::path& directory);

/// classes.txt: one name a line.
/// @throws InputError when it is missing, empty, or names a class twice
std::vector<std::string> read_class_names(const fs::path& file);

}  // namespace assemble
