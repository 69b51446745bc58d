// SPDX-License-Identifier: Apache-2.0
// What a terminal can show, and text that fits into it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assemble {

/// What people see of a stream of this process.
struct Terminal {
  size_t columns = 80;   ///< of the variable COLUMNS, else of the terminal; 80 where there is none
  bool redraws = false;  ///< a line can be wiped and written again: a terminal that is not "dumb"
  bool colours = false;  ///< the same, and the variable NO_COLOR is not set (https://no-color.org)
};

/// @param descriptor STDOUT_FILENO or STDERR_FILENO. It is asked each time, so that a window may change its size.
Terminal terminal_of(int descriptor);

/// Columns that UTF-8 text takes in a terminal: two for each ideograph, none for a mark that combines.
size_t display_width(std::string_view text);

/// As much of a text as `columns` hold, with "…" at its end where it was cut.
std::string cut_to_width(std::string_view text, size_t columns);

/// Lines of words that stood between blanks, each no wider than `columns` unless a single word is. One line at least.
std::vector<std::string> wrap(std::string_view text, size_t columns);

}  // namespace assemble
