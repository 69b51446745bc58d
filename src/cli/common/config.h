// SPDX-License-Identifier: Apache-2.0
// Configuration files: options as TOML.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/io/toml.h"

namespace assemble::cli {

/// The keys of a configuration file, also of one that version 0.1 wrote.
/// @throws UsageError naming file, line and column
std::vector<TomlEntry> read_config(const std::string& file);

/// Sets the options that TOML files name: keys are the flags' names, tables the subcommands'. What a flag or a later
/// file has set stays. To be called once the flags are parsed, before their callbacks run.
/// @param recipes the files may be recipes: named, and with the tables that no flag sets
/// @throws UsageError naming file, line and column
void apply_config(CLI::App& app, const std::vector<std::string>& files, bool recipes = false);

/// The same with keys that were read already. @param file that they stand in, for errors
void apply_entries(CLI::App& app, const std::vector<TomlEntry>& entries, const std::string& file);

/// A key that two configurations set differently; nothing where one does not set it.
struct ConfigChange {
  std::string key;  ///< with its tables: "published.top1"
  std::optional<std::string> before, now;
};

/// What differs between two configurations, by key.
std::vector<ConfigChange> config_changes(const std::vector<TomlEntry>& before, const std::vector<TomlEntry>& now);

/// The options in effect, as apply_config() reads them; options without a value are left out.
std::string effective_config(const CLI::App& app);

/// Long names of the options of an app and its subcommands.
std::vector<std::string> option_names(const CLI::App& app);

}  // namespace assemble::cli
