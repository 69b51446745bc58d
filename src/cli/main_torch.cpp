// SPDX-License-Identifier: Apache-2.0
// The program `assemble-torch`: every command, with LibTorch.
#include <c10/util/Exception.h>

#include "assemble/models/use_torch.h"
#include "common/command_line.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "torch/commands.h"

namespace {

std::string describe(const std::exception& error) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  return of_torch != nullptr ? of_torch->what_without_backtrace() : error.what();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace assemble::cli;
  assemble::use_torch();
  return run_command_line({.commands = all_commands(torch_hooks(), make_torch_command), .describe = describe},
                          {argv + 1, argv + argc});
}
