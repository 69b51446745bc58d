// SPDX-License-Identifier: Apache-2.0
// The library's errors and warnings name members of its options, in backquotes; who uses the command knows flags.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace assemble::cli {

/// The flag that sets a member of options, without dashes: "max-steps" of "max_steps".
std::string flag_of(std::string_view option);

/// Puts a command's flags where a text names the options they set: "`batch_size` 1" becomes "--batch-size 1", and
/// "`!strict`" becomes "--no-strict". What is no option of the command stays as it is.
std::string with_flags(const CLI::App& app, std::string_view text);

}  // namespace assemble::cli
