// SPDX-License-Identifier: Apache-2.0
#include "common/corruption_options.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"

namespace assemble::cli {

void CorruptionOptions::declare(CLI::App& app) {
  add_choice(app, "--set", set, kCorruptionSets, "Published set: c (ImageNet-C) or c-bar (ImageNet-C-bar)");
  app.add_option("--corruptions", named, "Which of the set, separated by commas; none: all")->delimiter(',');
}

const std::vector<std::string>& CorruptionOptions::chosen() const {
  const std::vector<std::string>& of_set = corruption_names(set);
  for (const std::string& name : named) {
    check_corruption(name);
    if (std::find(of_set.begin(), of_set.end(), name) != of_set.end()) continue;
    const CorruptionSet other = set == CorruptionSet::kC ? CorruptionSet::kCBar : CorruptionSet::kC;
    throw UsageError("--corruptions", concat(name, " is not of the set ", kCorruptionSets.name(set)),
                     concat("give --set ", kCorruptionSets.name(other)));
  }
  return named.empty() ? of_set : named;
}

}  // namespace assemble::cli
