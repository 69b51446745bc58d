// SPDX-License-Identifier: Apache-2.0
// What networks say of images that they were not trained on.
#pragma once

#include <stop_token>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/deploy/array.h"

namespace assemble::cli {

/// Logits [N, classes] of each image by a network that was trained on the other parts: one a part, of the recipe that
/// `train --recipe auto` chooses for a share of the time. Nothing is written.
/// @param part_of_each 0 … parts - 1, one an image
/// @param minutes      of all trainings together
/// @return rows of images that cannot be read are not finite
/// @throws UsageError for too few images, RunError when it is asked to stop
Matrix held_out_logits(const Dataset& images, const std::vector<int>& part_of_each, double minutes,
                       const std::stop_token& stop);

}  // namespace assemble::cli
