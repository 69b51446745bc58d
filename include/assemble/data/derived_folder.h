// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/file.h"

namespace assemble {

/// To be called before results are written: they may not lie in the data they are made of, links followed, or they
/// would be taken for data the next time.
/// @throws UsageError when `output` is `data` or lies in it
void check_outside(const fs::path& output, const fs::path& data);

/// The same for results that are data themselves: neither may lie in the other.
/// @throws UsageError when one lies in the other
void check_apart(const fs::path& output, const fs::path& data);

}  // namespace assemble
