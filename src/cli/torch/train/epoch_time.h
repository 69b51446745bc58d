// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "assemble/data/dataset.h"
#include "assemble/train/train_options.h"

namespace assemble::cli {

/// Seconds that an epoch of training takes on this machine, by the speed of some steps at each of the sizes of its
/// images; evaluations come on top. Nothing is written.
/// @throws RunError when it is asked to stop; what Trainer throws
double seconds_an_epoch(const Dataset& train, const Dataset& validation, const TrainOptions& options,
                        const std::stop_token& stop);

}  // namespace assemble::cli
