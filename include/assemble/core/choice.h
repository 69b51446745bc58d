// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assemble {

/// Place of a name that the user gave among those there are.
/// @param where option or kind of thing that the name is for
/// @throws UsageError for an unknown name, with all there are and the nearest of them
std::size_t find_choice(const std::string& where, const std::string& name, const std::vector<std::string>& choices);

}  // namespace assemble
