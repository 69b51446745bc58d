// SPDX-License-Identifier: Apache-2.0
// Whether a small image shows what another one shows.
#pragma once

#include "check/perceptual_hash.h"
#include "check/small_image.h"

namespace assemble::check {

/// Pixel i of one image, along an axis of `side` pixels, lies at centre + scale · (i - centre) + shift · side of the
/// other.
struct AxisFit {
  double scale = 1;
  double shift = 0;  ///< in shares of the side
};

/// How an image fits onto another.
struct Alignment {
  AxisFit y, x;
  bool mirrored = false;
  double likeness = 0;  ///< correlation of the details of both, at most 1
  double colour = 0;    ///< mean difference of the colours, in levels

  /// Whether the small images show the same.
  bool may_be_duplicate() const;
  bool is_crop() const;
};

/// Moves and scales `whole` from the pose until it fits `part` best: least squares with linearised pixels (Lucas &
/// Kanade, "An iterative image registration technique", 1981), first at half the size. Brightness and contrast may
/// differ.
Alignment align(const SmallImage& whole, const SmallImage& part, const Pose& pose);

/// The same from where small images fitted, with more of the pixels: other photos of the same thing are told from
/// copies by it. @return whether the details are the same too
bool are_same_details(const Image& whole, const Image& part, const Alignment& fit);

}  // namespace assemble::check
