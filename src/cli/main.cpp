// SPDX-License-Identifier: Apache-2.0
// The program `assemble`: everything that needs no LibTorch. The rest it hands over to `assemble-torch`.
#include "common/command_line.h"
#include "common/commands.h"
#include "common/handover.h"
#include "common/hooks.h"

int main(int argc, char** argv) {
  using namespace assemble::cli;
  return run_command_line({.commands = all_commands({}, make_command_elsewhere), .hand_over = hand_over},
                          {argv + 1, argv + argc});
}
