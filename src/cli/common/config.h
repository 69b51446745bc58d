// SPDX-License-Identifier: Apache-2.0
// Configuration files: options as TOML.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "assemble/io/toml.h"

namespace assemble::cli {

/// The keys of a configuration file, also of one that version 0.1 wrote.
/// @throws UsageError naming file, line and column
std::vector<TomlEntry> read_config(const std::string& file);

/// Sets the options that TOML files name: keys are the flags' names, tables the subcommands'. What a flag or a later
/// file has set stays. To be called once the flags are parsed, before their callbacks run.
/// @throws UsageError naming file, line and column
void apply_config(CLI::App& app, const std::vector<std::string>& files);

/// The options in effect, as apply_config() reads them; options without a value are left out.
std::string effective_config(const CLI::App& app);

/// Long names of the options of an app and its subcommands.
std::vector<std::string> option_names(const CLI::App& app);

}  // namespace assemble::cli
