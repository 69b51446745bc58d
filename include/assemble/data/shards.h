// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// "train-00003-of-00008".
std::string shard_name(const std::string& split, int index, int count);

/// The names before the numbers of all files NAME-?????-of-????? in a folder.
std::vector<std::string> record_sets(const fs::path& directory);

/// Files of a set ("train", "validation") in a folder, in order; empty when there are none.
/// @param allow_missing go on with the files that are there; a warning names the first that is not
/// @throws InputError naming the first of a set that is missing, or when two sets are mixed
std::vector<fs::path> find_shards(const fs::path& directory, const std::string& split, bool allow_missing = false);

/// Whether a pattern of the shell takes a file's name. What stands beside records (.json, .txt) never is one.
bool is_shard_of(const std::string& pattern, const std::string& name);

/// Files of a folder whose names match a pattern with *, ? and [ ], in natural order. Those numbered -?????-of-?????
/// must be whole sets.
/// @throws InputError when there are none, or one of a numbered set is missing and that is not allowed
std::vector<fs::path> match_shards(const fs::path& directory, const std::string& pattern, bool allow_missing = false);

/// Files of another set in the same folder would make both unreadable.
/// @throws UsageError when `directory` holds records of the split in another number of shards
void require_no_other_set(const fs::path& directory, const std::string& split, int count);

/// Class names of a folder of records: its manifest's, else those of classes.txt.
/// @throws InputError when there are none
std::vector<std::string> class_names_of(const fs::path& directory);

/// classes.txt: one name a line, in any encoding that read_names knows.
/// @throws InputError when it is missing, holds no names, an empty line between them, or a name twice
std::vector<std::string> read_class_names(const fs::path& file);

}  // namespace assemble
