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
  kLoss,      ///< the loss of an image weighs class_weights() of its class
  kSampling,  ///< an epoch shows every class as often as any other: balanced_order()
};

inline constexpr auto kClassBalances = choices<ClassBalance>(
    "balance", {{ClassBalance::kNone, "none"}, {ClassBalance::kLoss, "loss"}, {ClassBalance::kSampling, "sampling"}});

/// Labels of all samples. Those that are not known without their record are read; of samples that cannot be read: -1.
std::vector<int64_t> all_labels(const Dataset& dataset);

/// One over the square root of the images of each class, scaled so that the mean over all images is 1; 0 for a class
/// without images. One over the images themselves would let single images of rare classes throw the weights about.
std::vector<float> class_weights(std::span<const int64_t> labels, int64_t classes);

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
