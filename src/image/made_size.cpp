// SPDX-License-Identifier: Apache-2.0
#include "made_size.h"

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {
namespace {

constexpr const char* kHint =
    "the image is far longer in one direction than in the other, or too large: crop it or remove it";

}  // namespace

void check_made_size(int64_t height, int64_t width, const std::string& where, int64_t most) {
  if (height <= most && width <= most && height * width <= most) return;
  throw InputError(
      where, concat("would become an image of ", width, "×", height, " pixels; at most ", most, " pixels are made"),
      kHint);
}

void check_made_size(int64_t height, int64_t width, const Window& part, const std::string& where) {
  check_made_size(part.height, part.width, where);
  if (std::max(height, width) <= kMaxMadeSide) return;
  throw InputError(
      where,
      concat("would become an image of ", width, "×", height, " pixels; its sides may have at most ", kMaxMadeSide),
      kHint);
}

}  // namespace assemble
