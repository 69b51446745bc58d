// SPDX-License-Identifier: Apache-2.0
// Which images are the same or nearly.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "assemble/core/thread_pool.h"
#include "assemble/data/check.h"
#include "check/small_image.h"

namespace assemble::check {

/// What the search needs of an image.
struct Candidate {
  int64_t image = 0;     ///< what it is called in the result
  std::string contents;  ///< hash of the file
  int height = 0;        ///< 0: not decoded, its contents alone are compared
  int width = 0;
  SmallImage small;
};

/// Looks at images again, at those that may be the same. Called from several threads.
struct LookAgain {
  std::function<Image(int64_t image)> at_reduced_size;  ///< without pixels when it cannot be read any more
  std::function<std::string(int64_t image)> pixels;     ///< hash of all of them; empty when it cannot be read any more
};

/// @param images in order
/// @return groups of at least two, by their first image; leak and conflict are left to the caller
std::vector<DuplicateGroup> find_duplicates(const std::vector<Candidate>& images, ThreadPool& pool,
                                            const LookAgain& again);

}  // namespace assemble::check
