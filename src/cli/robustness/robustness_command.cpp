// SPDX-License-Identifier: Apache-2.0
#include "common/commands.h"
#include "robustness/robustness.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_robustness_command(const Hooks& hooks) {
  auto command =
      std::make_unique<SubcommandGroup>("robustness", "Measure robustness: mCE, mFR, calibration, shift consistency",
                                        "Measures what accuracy on clean images does not show: errors under corruption "
                                        "(mCE), flips under small changes (mFR), and agreement under shifts.");
  command->add(make_corruption_measure(hooks));
  command->add(make_perturbation_measure(hooks));
  command->add(make_shift_measure(hooks));
  command->add(make_report_measure());
  return command;
}

}  // namespace assemble::cli
