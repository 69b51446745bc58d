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

CLI::Validator device_name() {
  const auto check = [](std::string& name) {
    const std::string_view number = std::string_view(name).substr(std::min<size_t>(5, name.size()));
    const bool numbered = name.starts_with("cuda:") && !number.empty() && number.size() <= 3 &&
                          number.find_first_not_of("0123456789") == std::string_view::npos;
    if (numbered || name == "auto" || name == "cpu" || name == "cuda") return std::string();
    return concat("'", name, "' is unknown, expected auto, cpu, cuda or cuda:N");
  };
  return {check, "{auto,cpu,cuda,cuda:N}"};
}

}  // namespace assemble::cli
