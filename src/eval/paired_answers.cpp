// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/paired_answers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/statistics.h"

namespace assemble {

double mcnemar_exact(int64_t a, int64_t b) {
  const double n = static_cast<double>(a + b);
  double tail = 0;
  for (int64_t k = 0; k <= std::min(a, b); ++k) {
    const double of = static_cast<double>(k);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(of + 1) - std::lgamma(n - of + 1) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

PairedAnswers pair_answers(std::span<const uint8_t> first, std::span<const uint8_t> second, uint64_t seed) {
  if (first.size() != second.size() || first.empty()) {
    throw UsageError("paired answers", concat("of ", first.size(), " and ", second.size(), " images"));
  }
  PairedAnswers answers{.images = static_cast<int64_t>(first.size())};
  std::vector<double> differences(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    differences[i] = (second[i] != 0 ? 1 : 0) - (first[i] != 0 ? 1 : 0);
    answers.only_first += differences[i] < 0 ? 1 : 0;
    answers.only_second += differences[i] > 0 ? 1 : 0;
  }
  const auto images = static_cast<double>(answers.images);
  answers.difference = static_cast<double>(answers.only_second - answers.only_first) / images;
  answers.p = mcnemar_exact(answers.only_first, answers.only_second);
  const Interval interval = resampled_mean(differences, seed);
  answers.low = interval.low;
  answers.high = interval.high;
  return answers;
}

}  // namespace assemble
