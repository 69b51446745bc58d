// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/report/report.h"

namespace assemble::report {

/// Images with what each network takes them for; nothing where there are none.
/// @param names of the networks, in the order of their predictions
std::string gallery(const Gallery& shown, const std::vector<std::string>& names);

}  // namespace assemble::report
