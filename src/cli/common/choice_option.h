// SPDX-License-Identifier: Apache-2.0
// Options that take one of a few words. The help shows the words as the option's type.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/choice.h"

namespace assemble::cli {

/// Takes one of these words; another is refused with the nearest of them.
CLI::Validator one_of(const std::vector<std::string>& words);

/// Devices: auto, cpu, cuda or cuda:N.
CLI::Validator device_name();

/// An option that takes a name of an enum's table; its default is the value as it is.
template <typename Enum, std::size_t N>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, Enum& value, const Choices<Enum, N>& choices,
                        const std::string& description) {
  const auto set = [&value, choices](const std::string& word) { value = choices.parse(word); };
  return app.add_option_function<std::string>(flag, set, description)
      ->default_str(choices.name(value))
      ->check(one_of(choices.names()));
}

/// One whose choice may be left out: the default.
/// @param open word for that; nullptr: there is none
template <typename Enum, std::size_t N>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::optional<Enum>& value, const char* open,
                        const Choices<Enum, N>& choices, const std::string& description) {
  std::vector<std::string> words = choices.names();
  if (open != nullptr) words.insert(words.begin(), open);
  const auto set = [&value, open, choices](const std::string& word) {
    value = open != nullptr && word == open ? std::nullopt : std::optional<Enum>(choices.parse(word));
  };
  return app.add_option_function<std::string>(flag, set, description)
      ->default_str(open != nullptr ? open : "")
      ->check(one_of(words));
}

}  // namespace assemble::cli
