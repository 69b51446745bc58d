// SPDX-License-Identifier: Apache-2.0
#include "common/declaration.h"

#include <algorithm>
#include <cstdlib>

#include "assemble/core/text.h"
#include "common/config.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

/// A default that lies in the home of who asks, as it is for everyone.
std::string without_home(const std::string& path) {
  for (const auto& [variable, shown] : {std::pair("XDG_CACHE_HOME", "$XDG_CACHE_HOME"), std::pair("HOME", "~")}) {
    const char* folder = std::getenv(variable);
    if (folder != nullptr && *folder != '\0' && path.starts_with(concat(folder, "/"))) {
      return shown + path.substr(std::string_view(folder).size());
    }
  }
  return path;
}

/// "[1,2]" as people write it: "1 2".
std::string shown_default(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
    std::replace(text.begin(), text.end(), ',', ' ');
  }
  return without_home(text);
}

/// "in 1 … 2147483647" as "1 or more": a bound that nobody meets says nothing.
std::string shown_range(const std::string& range) {
  for (const char* bound : {" … 2147483647", " … 18446744073709551615", " … 1e+30"}) {
    if (!range.starts_with("in ") || !range.ends_with(bound)) continue;
    return range.substr(3, range.size() - 3 - std::string_view(bound).size()) + " or more";
  }
  return range;
}

/// What CLI11 knows of an option's value: its type and what its validator says, "INT:in 0 … 9", "TEXT:{a,b}".
void describe_value(OptionDeclaration& declared, const CLI::Option& option, const std::string& name) {
  const std::string type = option.get_type_name();
  const size_t colon = type.find(':');
  const std::string kind = type.substr(0, colon), says = colon == std::string::npos ? "" : type.substr(colon + 1);
  if (says.starts_with('{') && says.ends_with('}')) {
    declared.words = split(says.substr(1, says.size() - 2), ',');
  } else {
    declared.range = shown_range(says);
  }
  const PathOption path = path_option(name);
  declared.path = path.kind;
  declared.endings = path.endings;
  if (!declared.words.empty()) {
    declared.value = "WORD";
  } else if (path.kind != PathKind::kNone) {
    declared.value = path.kind == PathKind::kFile ? "FILE" : path.kind == PathKind::kFolder ? "FOLDER" : "PATH";
  } else if (kind.starts_with("INT") || kind.starts_with("UINT")) {
    declared.value = "N";
  } else {
    declared.value = kind.starts_with("FLOAT") ? "X" : "TEXT";
  }
}

OptionDeclaration declaration_of(const CLI::Option& option) {
  OptionDeclaration declared;
  for (const std::string& name : option.get_snames()) declared.flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) declared.flags.push_back("--" + name);
  if (option.get_positional()) declared.position = option.get_name(/*positional=*/true);
  declared.group = option.get_group() == "Options" ? "" : option.get_group();
  declared.description = option.get_description();
  declared.variable = option.get_envname();
  declared.is_required = option.get_required();
  if (option.get_expected_min() == 0) return declared;
  // Several by one flag, not by the flag again and again.
  const bool one_a_flag = !declared.flags.empty() && !option.get_allow_extra_args() &&
                          option.get_items_expected_max() >= CLI::detail::expected_max_vector_size;
  declared.repeats = option.get_items_expected_max() > 1 && !one_a_flag;
  declared.by_default = shown_default(option.get_default_str());
  describe_value(declared, option, option.get_lnames().empty() ? declared.position : option.get_lnames().front());
  return declared;
}

void append_options(CommandDeclaration& declared, const CLI::App& app, bool common) {
  for (const CLI::Option* option : app.get_options()) {
    const bool is_common = option == app.get_help_ptr() || option->get_group() == kCommonOptions;
    if (is_common != common || option->get_group().empty()) continue;
    declared.options.push_back(declaration_of(*option));
    if (common) declared.options.back().group = kCommonOptions;
  }
}

bool asks_for_help(const CLI::App& app) {
  const std::vector<const CLI::App*> children = app.get_subcommands(std::function<bool(const CLI::App*)>());
  return app.get_help_ptr()->count() > 0 ||
         std::any_of(children.begin(), children.end(), [](const CLI::App* child) { return asks_for_help(*child); });
}

const CLI::App& root_of(const CLI::App& app) { return app.get_parent() == nullptr ? app : root_of(*app.get_parent()); }

ordered_json to_json(const OptionDeclaration& option) {
  return {{"flags", option.flags},
          {"position", option.position},
          {"group", option.group},
          {"value", option.value},
          {"words", option.words},
          {"range", option.range},
          {"default", option.by_default},
          {"variable", option.variable},
          {"required", option.is_required},
          {"repeats", option.repeats},
          {"description", option.description}};
}

}  // namespace

std::string OptionDeclaration::shown() const {
  const std::string dots = repeats ? "…" : "";
  if (flags.empty()) return upper(position) + dots;
  const std::string text = join(flags, ", ");
  return takes_value() ? concat(text, " ", value, dots) : text;
}

std::vector<std::string> OptionDeclaration::notes() const {
  std::vector<std::string> notes;
  if (!words.empty()) notes.push_back("one of " + join(words, ", "));
  if (!range.empty()) notes.push_back(range);
  if (!position.empty() && !flags.empty()) notes.emplace_back("also by position");
  if (is_required) notes.emplace_back("required");
  if (!by_default.empty()) notes.push_back("default " + by_default);
  if (!variable.empty()) notes.push_back("variable " + variable);
  return notes;
}

std::string CommandDeclaration::usage() const {
  std::string text = "assemble " + path;
  if (!commands.empty()) text += needs_command ? " COMMAND" : " [COMMAND]";
  text += " [OPTIONS]";
  std::string positions;
  for (const OptionDeclaration& option : options) {
    if (!option.position.empty()) {
      const std::string name = concat(upper(option.position), option.repeats ? "…" : "");
      positions += option.is_required ? " " + name : " [" + name + "]";
    } else if (option.is_required) {
      text += concat(" ", option.flags.back(), " ", option.value);
    }
  }
  return text + positions;
}

std::vector<std::string> CommandDeclaration::groups() const {
  std::vector<std::string> groups;
  for (const OptionDeclaration& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  // Options of no group come first, wherever the first of them was declared; those of every command last.
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& group) { return group.empty(); });
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& group) { return group != kCommonOptions; });
  return groups;
}

void declare_common(CLI::App& app, const Subcommand& command, Output& output, bool& quiet) {
  app.add_flag("--json", output.json, "Print the result as JSON, and nothing else, on stdout")
      ->configurable(false)
      ->group(kCommonOptions);
  app.add_flag("--quiet,-q", quiet, "Only warnings and errors on stderr: no progress")
      ->configurable(false)
      ->group(kCommonOptions);
  // Declared before the command's own options, so that it runs before their callbacks.
  app.add_option("--config,--recipe", CLI::callback_t([&app, &command](const CLI::results_t& files) {
                   if (!asks_for_help(app)) apply_config(app, files, command.takes_recipes());
                   return true;
                 }),
                 "TOML file with the same keys as the flags; may be repeated; flags win")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->configurable(false)
      ->group(kCommonOptions);
  app.option_defaults()->always_capture_default();
}

CommandDeclaration declaration_of(const Subcommand& command) {
  const CLI::App& app = command.app();
  CommandDeclaration declared{.path = command.path(),
                              .summary = command.summary(),
                              .purpose = command.purpose(),
                              .examples = command.examples(),
                              .needs_command = app.get_require_subcommand_min() > 0,
                              .is_elsewhere = command.is_elsewhere()};
  append_options(declared, app, /*common=*/false);
  append_options(declared, root_of(app), /*common=*/true);
  for (const auto& child : command.children()) declared.commands.push_back(declaration_of(*child));
  return declared;
}

CommandDeclaration declare_alone(Subcommand& command) {
  CLI::App app;
  Output output;
  bool quiet = false;
  declare_common(app, command, output, quiet);
  command.attach(app, output);
  return declaration_of(command);
}

ordered_json to_json(const CommandDeclaration& command) {
  ordered_json json{{"command", command.path},           {"summary", command.summary},
                    {"purpose", command.purpose},        {"usage", command.usage()},
                    {"elsewhere", command.is_elsewhere}, {"options", ordered_json::array()},
                    {"examples", ordered_json::array()}, {"commands", ordered_json::array()}};
  for (const OptionDeclaration& option : command.options) json["options"].push_back(to_json(option));
  for (const Example& example : command.examples) {
    json["examples"].push_back({{"what", example.what}, {"command", example.command}});
  }
  for (const CommandDeclaration& child : command.commands) json["commands"].push_back(to_json(child));
  return json;
}

}  // namespace assemble::cli
