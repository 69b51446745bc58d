// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/ranks.h"

#include "assemble/core/error.h"

namespace assemble {

void Ranks::check() const {
  if (world >= 1 && rank >= 0 && rank < world) return;
  throw UsageError("`rank`", concat(rank, " of ", world, " processes"), "expected 0 <= rank < world");
}

}  // namespace assemble
