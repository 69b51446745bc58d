// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace assemble {

/// Names of all tweaks of arch strings, in the order of the canonical string.
std::vector<std::string> tweak_names();

}  // namespace assemble
