// SPDX-License-Identifier: Apache-2.0
// `--find-lr`: the learning rate that suits a run, by a test of rising rates (Smith, arXiv 1506.01186, section 3.3).
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/train/train_options.h"

namespace assemble::cli {

/// What rising learning rates do to the loss.
struct LearningRateTest {
  std::vector<double> rates;   ///< of the steps that were taken, growing by one factor
  std::vector<double> losses;  ///< after exponential smoothing
  double suggested = 0;        ///< with two digits
};

/// The rate at which the loss is least: with larger ones it rises again, so it is the largest that a schedule may
/// reach. Nothing where it lies no clearer below the first seventh of the losses, whose rates change nothing yet, than
/// those differ. @param losses of rates that grow by one factor
std::optional<double> largest_rate(const std::vector<double>& rates, const std::vector<double>& losses);

/// Trains with rates from 1e-6 to 10, growing with each step, until the loss is several times its least. Nothing is
/// written. The rate belongs to the batches, the techniques and the start of `options`; their schedule does not count.
/// @throws RunError when no rate makes the loss fall, and when it is asked to stop; what Trainer throws
LearningRateTest find_learning_rate(const Dataset& train, const Dataset& validation, const TrainOptions& options,
                                    const std::stop_token& stop);

}  // namespace assemble::cli
