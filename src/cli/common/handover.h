// SPDX-License-Identifier: Apache-2.0
// From `assemble` to `assemble-torch`, the program that has LibTorch, as git does with its own programs.
#pragma once

#include <string>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/file.h"

namespace assemble::cli {

inline constexpr const char* kTorchProgram = "assemble-torch";

/// Where assemble-torch lies: in $ASSEMBLE_EXEC_PATH, beside a program or in ../libexec/assemble seen from it; empty
/// when in none of them.
/// @param program path of the running program
fs::path find_torch_program(const fs::path& program);

/// What is said where it is in none of them, with how to get it: by Debian's package where the program is of one.
UsageError torch_program_missing(const NeedsTorch& need, const fs::path& program);

/// Becomes assemble-torch with the same arguments (without the program's name), environment, input and outputs. Where
/// neither GOMP_SPINCOUNT nor OMP_WAIT_POLICY is set, the first is: LibTorch's threads spin less for each other.
/// @return never
/// @throws UsageError, which says where it was looked for, when it is not there; RunError when it cannot be started
int hand_over(const NeedsTorch& need, const std::vector<std::string>& arguments);

}  // namespace assemble::cli
