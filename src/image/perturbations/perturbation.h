// SPDX-License-Identifier: Apache-2.0
// What the families of perturbations share, behind perturbations.h. `i` is the number of the frame.
#pragma once

#include "corruptions/corruption.h"
#include "assemble/image/perturbations.h"

namespace assemble::perturbations {

struct Call {
  const Image& image;  ///< resized, not cropped
  int frames;
  int crop;
  Random& random;

  /// The middle square.
  Window window() const;
  Image cropped() const;
};

using Frames = std::vector<Image>;

/// @param deviation of values in [0, 1]
Frames gaussian_noise(Call& call, float deviation);
Frames shot_noise(Call& call, int photons);
Frames speckle_noise(Call& call, float deviation);

Frames motion_blur(Call& call);
Frames zoom_blur(Call& call);
Frames gaussian_blur(Call& call);

Frames snow(Call& call);
Frames spatter(Call& call);
Frames brightness(Call& call);

Frames translate(Call& call);
Frames rotate(Call& call);
Frames tilt(Call& call);
Frames scale(Call& call);
Frames shear(Call& call);

/// Rotation, scaling and shear about the middle of an image, as torchvision's affine() of 2018 does it with PIL's
/// bilinear filter: black beyond the borders, values cut off.
struct Affine {
  double degrees = 0;
  double scale = 1;
  double shear_degrees = 0;
};
/// @param window part of the result to compute
Image transform(const Image& image, const Affine& affine, const Window& window);

}  // namespace assemble::perturbations
