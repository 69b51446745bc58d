// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/data/check.h"

namespace assemble::cli {

/// The page that shows what was found in a data set, with thumbnails: HTML.
/// @param data   that was given as the data set
/// @param splits that were checked
std::string dataset_page(const std::string& data, const std::vector<OpenSplit>& splits, const CheckResult& result);

}  // namespace assemble::cli
