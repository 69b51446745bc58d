// SPDX-License-Identifier: Apache-2.0
// Which classes a network takes for which, readable with 3 classes and with 1,000.
#pragma once

#include <string>
#include <vector>

#include "assemble/eval/classification.h"

namespace assemble::report {

/// Classes that a matrix can show at a time.
inline constexpr size_t kLargestMatrix = 24;

/// The rows and columns that a matrix shows: all classes, or where they are too many those with the most mistakes, in
/// the classes' own order.
std::vector<size_t> shown_classes(const ClassificationResult& result);

/// A table of the images of each class in `shown` by what they were taken for, deeper the larger their share; right
/// answers and mistakes have colours of their own. What falls to other classes has a last column where there are some.
std::string confusion_matrix(const ClassificationResult& result, const std::vector<std::string>& names,
                             const std::vector<size_t>& shown);

/// The mistakes that are made most often, as rows of a table; the first is the header.
std::vector<std::vector<std::string>> confused_pairs(const ClassificationResult& result,
                                                     const std::vector<std::string>& names, size_t most);

}  // namespace assemble::report
