// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "assemble/data/dataset.h"
#include "assemble/train/train_options.h"
#include "torch/train/auto_recipe.h"

namespace assemble::cli {

/// Median of the short sides of some images, pixels. @throws InputError when none can be read
int median_side(const Dataset& dataset);

/// Images a second that training gets through, by the speed of some steps of a small network. @param options how
/// @throws RunError when it is asked to stop
std::function<double(const std::string& arch, int side)> training_speed(const Dataset& train, const Dataset& validation,
                                                                        const TrainOptions& options,
                                                                        const std::stop_token& stop);

}  // namespace assemble::cli
