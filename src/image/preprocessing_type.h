// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// Share of height and width that a central crop takes.
constexpr double kCentralShare = 0.875;

/// Side of which a crop of `size` is that share, truncated.
int with_margin(int size);

}  // namespace assemble
