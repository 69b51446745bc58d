// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace assemble {

/// Columns of a panel.
inline constexpr int64_t kPanel = 32;

/// products[r][c] = Σ_k rows[r][k] · panel[k][c], in f32, added up in any order.
/// @param rows [count, width]
/// @param panel [width, kPanel]
/// @param products kPanel values for each row, `stride` values from one row to the next
void multiply_panel(const float* rows, int64_t count, int64_t width, const float* panel, float* products,
                    int64_t stride);

}  // namespace assemble
