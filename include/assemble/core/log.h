// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace assemble {

/// Log lines and warnings go to stderr, whole lines at a time, from any thread.
void log_info(const std::string& message);
void log_warning(const std::string& message);

/// Silences log_info and Progress (warnings stay). Used by --quiet.
void set_quiet(bool value);
bool is_quiet();

/// Is stderr a terminal that can redraw a line?
bool stderr_is_terminal();

/// "1h02m", "3m07s", "4.2s".
std::string format_duration(double seconds);

}  // namespace assemble
