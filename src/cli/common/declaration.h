// SPDX-License-Identifier: Apache-2.0
// What a command declares, as data: help, completion, manual pages and the pages of the site are made of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/path_options.h"
#include "common/subcommand.h"

namespace assemble::cli {

/// The group of the options that every command has.
inline constexpr const char* kCommonOptions = "Common options";

struct OptionDeclaration {
  std::vector<std::string> flags = {};  ///< "-q", "--quiet"; empty: by position alone
  std::string position = {};            ///< its name where it may be given by position, for example "images"
  std::string group = {};
  std::string description = {};  ///< lines of it may be indented
  std::string value = {};  ///< what stands for its value: N, X, WORD, FILE, FOLDER, PATH, TEXT; empty: it takes none
  std::vector<std::string> words = {};  ///< that it takes
  std::string range = {};               ///< of its numbers: "in 0 … 1"
  std::string by_default = {};
  std::string variable = {};  ///< of the environment, that gives the default
  bool is_required = false;
  bool repeats = false;  ///< takes several values
  PathKind path = PathKind::kNone;
  std::vector<std::string> endings = {};  ///< of the files that are offered; empty: of all

  bool takes_value() const { return !value.empty(); }
  /// "-q, --quiet", "--split WORD", "IMAGES…".
  std::string shown() const;
  /// What stands behind the description: "one of a, b", "in 0 … 1", "default 5", "required".
  std::vector<std::string> notes() const;
};

struct CommandDeclaration {
  std::string path = {};  ///< the words that pick it: "dataset check"
  std::string summary = {}, purpose = {};
  std::vector<Example> examples = {};
  std::vector<OptionDeclaration> options = {};  ///< those of every command come last
  std::vector<CommandDeclaration> commands = {};
  bool needs_command = false;  ///< does nothing without one of them
  bool is_elsewhere = false;   ///< another program has it, which knows the rest

  /// "assemble dataset build [OPTIONS] --raw FOLDER --out PATH NAME".
  std::string usage() const;
  /// Groups of its options in the order of the help.
  std::vector<std::string> groups() const;
};

/// Adds --json, --quiet and --config, which every command has, before it declares its own.
void declare_common(CLI::App& app, const Subcommand& command, Output& output, bool& quiet);

/// Of a command that was attached.
CommandDeclaration declaration_of(const Subcommand& command);
/// The same of one that was not. It is left attached to nothing.
CommandDeclaration declare_alone(Subcommand& command);

nlohmann::ordered_json to_json(const CommandDeclaration& command);

}  // namespace assemble::cli
