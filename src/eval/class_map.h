// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assemble/eval/class_pairing.h"

namespace assemble {

/// Index among `names` of the one that is `name`, or means the same synset; nothing when there is none.
/// @throws InputError naming `where` when there are several
std::optional<int64_t> find_class(const std::vector<std::string>& names, const std::string& name,
                                  const std::string& where);

bool is_background(const std::string& name);

/// A line of a class map (PairingOptions::class_map).
struct MappedClass {
  std::string name;  ///< of the data set's class, or its label
  int64_t output;
  std::string where;  ///< file and line
};

/// @throws InputError as ClassPairing does, but for what only the data set's classes tell
std::vector<MappedClass> read_class_map(const fs::path& file, const ClassList& network);

/// Outputs by label as a class map says; -1 for a background that has none. @throws InputError as ClassPairing does
std::vector<int64_t> outputs_by_map(const fs::path& file, const ClassList& network, const ClassList& data);

}  // namespace assemble
