// SPDX-License-Identifier: Apache-2.0
// From a program's arguments to the command that they name.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/error.h"
#include "common/subcommand.h"

namespace assemble::cli {

/// What a program's command line offers.
struct Program {
  std::vector<std::unique_ptr<Subcommand>> commands = {};  ///< in the order of the help
  /// Lets another program do what this one cannot, with the same arguments. @return its exit status. @throws Error.
  /// Empty: there is no other.
  std::function<int(const NeedsTorch& need, const std::vector<std::string>& arguments)> hand_over = {};
  /// What to say of an error that is none of the library's. Empty: its what().
  std::function<std::string(const std::exception&)> describe = {};
};

/// Parses `arguments` (without the program's name) and runs the command they name.
/// @return exit status
int run_command_line(const Program& program, const std::vector<std::string>& arguments);

}  // namespace assemble::cli
