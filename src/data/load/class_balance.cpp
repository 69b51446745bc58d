// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/class_balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "assemble/core/error.h"

namespace assemble {
namespace {

/// Samples of each class that has some; those without a label are left out.
std::vector<std::vector<int64_t>> samples_by_class(std::span<const int64_t> labels, int64_t classes) {
  std::vector<std::vector<int64_t>> samples(static_cast<size_t>(classes));
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < classes)
      samples[static_cast<size_t>(labels[i])].push_back(static_cast<int64_t>(i));
  }
  std::erase_if(samples, [](const std::vector<int64_t>& of_class) { return of_class.empty(); });
  return samples;
}

}  // namespace

std::vector<int64_t> all_labels(const Dataset& dataset) {
  std::vector<int64_t> labels(static_cast<size_t>(dataset.size()));
  for (int64_t i = 0; i < dataset.size(); ++i) {
    int64_t& label = labels[static_cast<size_t>(i)];
    label = dataset.label(i);
    if (label >= 0) continue;
    try {
      label = dataset.read(i).label;
    } catch (const InputError&) {  // the loader counts it
    }
  }
  return labels;
}

std::vector<float> log_priors(std::span<const int64_t> labels, int64_t classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  for (const int64_t label : labels) {
    if (label >= 0 && label < classes) ++counts[static_cast<size_t>(label)];
  }
  for (int64_t& count : counts) count = std::max<int64_t>(count, 1);
  const auto images = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  std::vector<float> priors(counts.size());
  std::ranges::transform(counts, priors.begin(), [&](int64_t count) {
    return static_cast<float>(std::log(static_cast<double>(count) / images));
  });
  return priors;
}

std::vector<BalancedPlace> balanced_order(std::span<const int64_t> labels, int64_t classes, Random& random) {
  const std::vector<std::vector<int64_t>> samples = samples_by_class(labels, classes);
  if (samples.empty()) throw UsageError("`balance`", "no image has a label");
  const auto places = static_cast<int64_t>(labels.size()), present = static_cast<int64_t>(samples.size());
  // Those that get a place more than others are other ones each time.
  const std::vector<int64_t> turns = random_permutation(present, random);
  std::vector<BalancedPlace> by_class;
  by_class.reserve(labels.size());
  for (int64_t turn = 0; turn < present; ++turn) {
    const std::vector<int64_t>& of_class = samples[static_cast<size_t>(turns[static_cast<size_t>(turn)])];
    const auto images = static_cast<int64_t>(of_class.size());
    const int64_t share = places / present + (turn < places % present ? 1 : 0);
    std::vector<int64_t> round_order;
    for (int64_t i = 0; i < share; ++i) {
      if (i % images == 0) round_order = random_permutation(images, random);
      const int64_t image = round_order[static_cast<size_t>(i % images)];
      by_class.push_back({of_class[static_cast<size_t>(image)], static_cast<int32_t>(i / images)});
    }
  }
  std::vector<BalancedPlace> order;
  order.reserve(by_class.size());
  for (const int64_t place : random_permutation(places, random)) order.push_back(by_class[static_cast<size_t>(place)]);
  return order;
}

}  // namespace assemble
