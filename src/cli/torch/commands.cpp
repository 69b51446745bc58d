// SPDX-License-Identifier: Apache-2.0
#include "torch/commands.h"

#include <map>

namespace assemble::cli {

std::unique_ptr<Subcommand> make_torch_command(const std::string& name) {
  static const std::map<std::string, std::unique_ptr<Subcommand> (*)()> kMakers{
      {"ablate", make_ablate_command},   {"convert", make_convert_command}, {"demo", make_demo_command},
      {"forward", make_forward_command}, {"model", make_model_command},     {"soup", make_soup_command},
      {"train", make_train_command}};
  return kMakers.at(name)();
}

}  // namespace assemble::cli
