// SPDX-License-Identifier: Apache-2.0
// Some steps of a run, to see how it goes before it begins.
#pragma once

#include <memory>
#include <stop_token>

#include "assemble/data/dataset.h"
#include "assemble/train/trainer.h"

namespace assemble::cli {

/// Trains as `options` say, but from the start, at one size and without evaluations, until `observer` stops it.
/// Nothing is written and nothing shown. @param small at the side of the run's first part
/// @return the trainer as it stopped
/// @throws RunError when it is asked to stop from outside; what Trainer throws
std::unique_ptr<Trainer> run_trial(const Dataset& train, const Dataset& validation, TrainOptions options, bool small,
                                   TrainObserver& observer, const std::stop_token& stop);

}  // namespace assemble::cli
