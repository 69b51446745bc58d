// SPDX-License-Identifier: Apache-2.0
#include "outline.h"

namespace assemble {
namespace {

bool is_square(int64_t value) {
  for (int64_t root = 1; root * root <= value; ++root) {
    if (root * root == value) return true;
  }
  return false;
}

}  // namespace

Pairs squeezes_of(const Outline& outline, const std::string& ending, bool tensorflow) {
  Pairs pairs;
  for (const auto& [name, shape] : outline.shapes()) {
    if (!name.ends_with(ending)) continue;
    pairs.emplace_back(outline.extent(name, 4, tensorflow ? 2 : 1), outline.extent(name, 4, tensorflow ? 3 : 0));
  }
  return pairs;
}

int find_se_ratio(const Outline& outline, const Pairs& pairs) {
  const auto fits = [&](int64_t ratio) {
    return std::all_of(pairs.begin(), pairs.end(),
                       [&](const auto& pair) { return std::max<int64_t>(1, pair.first / ratio) == pair.second; });
  };
  if (fits(16)) return 16;
  for (int ratio = 1; ratio <= 1024; ++ratio) {
    if (fits(ratio)) return ratio;
  }
  outline.fail("the squeeze-and-excitation layers have no common ratio");
}

int find_alpha(const Outline& outline, const Pairs& pairs) {
  for (int64_t alpha = 1; alpha <= pairs.at(0).first; ++alpha) {
    if (std::all_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first / alpha == pair.second; })) {
      return static_cast<int>(alpha);
    }
  }
  outline.fail("the little branches' widths have no common divisor alpha");
}

int find_beta(const Outline& outline, const std::vector<int64_t>& blocks, const std::vector<int64_t>& little) {
  std::vector<int> candidates{4, 2};
  for (int beta = 1; beta <= blocks[2]; ++beta) candidates.push_back(beta);
  for (const int beta : candidates) {
    bool fits = true;
    for (size_t i = 0; i < 3; ++i) fits = fits && std::max<int64_t>(1, blocks[i] / beta - 1) == little[i];
    if (fits) return beta;
  }
  outline.fail("the little branches' depths have no common divisor beta");
}

void find_pool(const Outline& outline, int64_t inputs, InferredArch& inferred) {
  const int64_t features = kFeatures * inferred.arch.width;
  if (inputs == features) return;
  if (inputs % features != 0 || !is_square(inputs / features)) {
    outline.fail(concat("the layer after the pooling has ", inputs, " inputs, expected ", features));
  }
  inferred.arch.pool = PoolType::kFlatten;
}

void assume_unseen(InferredArch& inferred) {
  inferred.assumptions.emplace_back(
      "no anti-aliasing filter (aaN), no gem, no nodown: they have no weights; if the network has them, give `arch`");
}

}  // namespace assemble
