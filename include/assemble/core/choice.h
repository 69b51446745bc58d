// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

namespace assemble {

/// Place of a name that the user gave among those there are.
/// @param where option or kind of thing that the name is for
/// @throws UsageError for an unknown name, with all there are and the nearest of them
std::size_t find_choice(const std::string& where, const std::string& name, const std::vector<std::string>& choices);

/// The member `name` of every entry of a table.
template <typename Entries>
std::vector<std::string> names_of(const Entries& entries) {
  std::vector<std::string> names;
  names.reserve(std::size(entries));
  for (const auto& entry : entries) names.emplace_back(entry.name);
  return names;
}

}  // namespace assemble
