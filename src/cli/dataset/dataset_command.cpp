// SPDX-License-Identifier: Apache-2.0
#include "common/commands.h"
#include "dataset/dataset.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_dataset_command(const Hooks& hooks) {
  auto command = std::make_unique<SubcommandGroup>(
      "dataset", "Build, inspect, check, split and draw data sets",
      "A data set is a folder a class, in train/ and validation/; the same in a tar or zip archive; TFRecords; or a "
      "CSV or JSON file that names images and their classes.");
  command->add(make_build_command(hooks));
  command->add(make_inspect_command());
  command->add(make_check_command(hooks));
  command->add(make_split_command());
  command->add(make_draw_command());
  return command;
}

}  // namespace assemble::cli
