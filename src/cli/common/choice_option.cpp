// SPDX-License-Identifier: Apache-2.0
#include "common/choice_option.h"

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble::cli {

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](std::string& word) {
    try {
      (void)find_choice("", word, words);
      return std::string();
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
  };
  return {check, "{" + join(words, ",") + "}"};
}

}  // namespace assemble::cli
