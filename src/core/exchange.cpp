// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/exchange.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {

void require_same(Exchange& ranks, const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string text;
  for (const auto& [name, value] : facts) text += concat(name, " = ", value, '\n');
  const std::vector<std::string> texts = ranks.gather(text);
  const std::vector<std::string> first = split(texts[0], '\n');
  for (size_t rank = 1; rank < texts.size(); ++rank) {
    const std::vector<std::string> other = split(texts[rank], '\n');
    for (size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
      const std::string here = i < first.size() ? first[i] : "", there = i < other.size() ? other[i] : "";
      if (here == there) continue;
      throw UsageError(concat("rank ", rank),
                       concat("has other options or data than rank 0: ", there, ", there ", here),
                       "start every rank with the same command on the same data");
    }
  }
}

}  // namespace assemble
