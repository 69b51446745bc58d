// SPDX-License-Identifier: Apache-2.0
// Rules: which images and classes are odd, by what was seen of all.
#pragma once

#include <vector>

#include "assemble/data/check.h"
#include "check/look.h"

namespace assemble::check {

/// What images of no split are called.
inline constexpr const char* kOfNoSplit = "images";

/// Fills in CheckResult::faults and of_most. @param looks one an image
void find_faults(const std::vector<Look>& looks, CheckResult& result);

/// Fills in CheckResult::class_findings by the counts of the splits.
void find_class_faults(CheckResult& result);

}  // namespace assemble::check
