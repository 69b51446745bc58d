// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/choice.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {

std::string alternatives(const std::vector<std::string>& names) {
  if (names.size() < 2) return join(names, "");
  return concat(join({names.begin(), names.end() - 1}, ", "), " or ", names.back());
}

std::size_t find_choice(const std::string& where, const std::string& name, const std::vector<std::string>& choices) {
  const auto found = std::find(choices.begin(), choices.end(), name);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  const std::string match = nearest(name, choices);
  throw UsageError(where, concat("'", name, "' is unknown, expected ", alternatives(choices)),
                   match.empty() ? "" : concat("did you mean ", match, "?"));
}

}  // namespace assemble
