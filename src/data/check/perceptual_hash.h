// SPDX-License-Identifier: Apache-2.0
// Hashes of what images look like.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "check/small_image.h"

namespace assemble::check {

/// A part of an image, in shares of its sides: the window at (y, x) of side `scale`, of the image mirrored left to
/// right where it says so.
struct Pose {
  double scale = 1;
  double y = 0;
  double x = 0;
  bool mirrored = false;
};

/// The whole image and windows of nine tenths of its sides, each as it is and mirrored. Any other window of about that
/// size lies near one of them.
std::span<const Pose> poses();

/// For each pose the signs of the 63 lowest frequencies (discrete cosine transform, 8 × 8) of what it shows. Images
/// that look alike have hashes that differ in few bits. The first is that of the whole.
std::vector<uint64_t> hashes_of(const SmallImage& image);

}  // namespace assemble::check
