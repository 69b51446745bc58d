// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "common/subcommand.h"
#include "test_support.h"

namespace assemble::test {

/// Options of an app and its subcommands.
inline std::vector<CLI::Option*> options_of(CLI::App& app) {
  std::vector<CLI::Option*> options = app.get_options(nullptr);
  for (CLI::App* child : app.get_subcommands(std::function<bool(CLI::App*)>())) {
    const std::vector<CLI::Option*> more = options_of(*child);
    options.insert(options.end(), more.begin(), more.end());
  }
  return options;
}

/// Expects that every numeric option of a command refuses what is in no range. @return how many there are
inline int expect_ranges_of_numbers(cli::Subcommand& command) {
  using testing::HasSubstr;
  int numeric = 0;
  CLI::App app;
  cli::Output output;
  command.attach(app, output);
  for (CLI::Option* option : options_of(app)) {
    const std::string type = option->get_type_name();
    if (!type.starts_with("INT") && !type.starts_with("UINT") && !type.starts_with("FLOAT")) continue;
    ++numeric;
    for (const char* value : {"-99999999", "1e30", "nan", "99999999999999999999", "-99999999999999999999", "x"}) {
      const bool is_rate = type.starts_with("FLOAT") && std::string(value) == "99999999999999999999";
      const bool is_large = type.starts_with("FLOAT") && std::string(value) == "1e30";
      if (is_rate || is_large) continue;
      const size_t count = static_cast<size_t>(std::max(option->get_items_expected_min(), 1));
      option->clear();
      option->add_result(std::vector<std::string>(count, value));
      const std::string error = error_of<CLI::ValidationError>([&] { option->run_callback(); });
      EXPECT_THAT(error, HasSubstr(option->get_name())) << command.name() << " " << value;
      EXPECT_THAT(error, HasSubstr("expected")) << command.name() << " " << value;
    }
  }
  return numeric;
}

}  // namespace assemble::test
