// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace assemble::report {

/// A template of assets/ with its placeholders filled in: {{name}} stands for text, which is escaped, {{{name}}} for
/// HTML, which is not. A line that is {{{name}}} alone stands for whole lines: the value brings its own newlines.
/// @throws std::out_of_range for a placeholder without a value
std::string fill(std::string_view html, const std::map<std::string_view, std::string>& values);

}  // namespace assemble::report
