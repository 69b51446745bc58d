// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// Random training windows; defaults are the original's (tf.image.sample_distorted_bounding_box).
struct SampleBoxOptions {
  double min_object_covered = 0.1;  ///< share of some object box the window must cover
  double min_aspect = 0.75;         ///< width / height
  double max_aspect = 1.33;
  double min_area = 0.05;  ///< share of the image
  double max_area = 1.0;
  int max_attempts = 100;
};

/// Draws a window that meets the options, or the whole image when no attempt does. With no boxes the whole image is
/// the object.
Window sample_box(int height, int width, const std::vector<BoundingBox>& boxes, const SampleBoxOptions& options,
                  Random& random);

}  // namespace assemble
