// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/random.h"
#include "assemble/data/dataset.h"

namespace assemble {

/// What makes up for classes with fewer images than others.
enum class ClassBalance {
  kNone,
  kLoss,      ///< the loss is that of the logits and log_priors()
  kSampling,  ///< an epoch shows every class as often as any other: balanced_order()
};

inline constexpr auto kClassBalances = choices<ClassBalance>(
    "balance", {{ClassBalance::kNone, "none"}, {ClassBalance::kLoss, "loss"}, {ClassBalance::kSampling, "sampling"}});

/// Labels of all samples. Those that are not known without their record are read; of samples that cannot be read: -1.
std::vector<int64_t> all_labels(const Dataset& dataset);

/// The natural logarithm of the share that each class has of the images; a class without images counts as one with one.
/// Added to the logits while training, and left out afterwards, they make the network's answers those of a set in which
/// all classes are equally frequent (logit adjustment, arXiv 2007.07314, eq. 10 with τ = 1).
std::vector<float> log_priors(std::span<const int64_t> labels, int64_t classes);

/// A place of an epoch's order.
struct BalancedPlace {
  int64_t sample = 0;
  int32_t round = 0;  ///< how often the epoch has shown all images of its class before
};

/// An order of as many places as there are labels, in which classes have equally many, but for one. A class' images
/// come in turn, in a new random order each round, so that none comes again before all others of its class.
/// @param random decides all of it
std::vector<BalancedPlace> balanced_order(std::span<const int64_t> labels, int64_t classes, Random& random);

}  // namespace assemble
