// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assemble {

/// Splits at every `separator`; "a++b" gives three parts.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string to_lower(std::string_view text);

/// The candidate with the smallest edit distance to `word`; empty when nothing is near (distance above half its
/// length).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Rows of cells as an aligned plain-text table; the first row is the header. Numbers are right-aligned.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// "[3, 3, 64]"
std::string show_shape(const std::vector<int64_t>& shape);

/// A number with a fixed count of decimals.
std::string format_number(double value, int decimals);

}  // namespace assemble
