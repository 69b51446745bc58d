// SPDX-License-Identifier: Apache-2.0
#include "common/config.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "assemble/io/toml.h"
#include "common/earlier_config.h"
#include "common/recipes.h"

namespace assemble::cli {
namespace {

constexpr uint64_t kLargestFile = uint64_t{1} << 24;

enum class Kind { kFlag, kNumber, kText };

Kind kind_of(const CLI::Option& option) {
  if (option.get_expected_min() == 0) return Kind::kFlag;
  const std::string type = option.get_type_name();
  const bool number = type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT");
  return number ? Kind::kNumber : Kind::kText;
}

std::string with_dashes(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

CLI::Option* find_option(CLI::App& app, const std::string& key) {
  if (CLI::Option* flag = app.get_option_no_throw("--" + with_dashes(key))) return flag;
  return app.get_option_no_throw(key);  // by position
}

std::string key_suggestion(const CLI::App& app, const std::string& key) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_configurable()) continue;
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  if (const std::string match = nearest(with_dashes(key), names); !match.empty()) {
    return concat("did you mean --", match, "?");
  }
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    if (child->get_option_no_throw("--" + with_dashes(key))) return concat("write it below [", child->get_name(), "]");
  }
  return "see --help";
}

class Configuration {
 public:
  Configuration(CLI::App& app, std::string file, bool is_recipe)
      : app_(app), file_(std::move(file)), is_recipe_(is_recipe) {}

  void apply(const std::vector<TomlEntry>& entries) {
    for (const TomlEntry& entry : entries) {
      const std::string where = concat(file_, ":", entry.line, ":", entry.column);
      if (is_recipe_ && is_about_recipe(entry, where)) continue;
      CLI::App& owner = owner_of(entry, where);
      CLI::Option& option = option_of(owner, entry, where);
      const std::vector<std::string> values = values_for(option, entry, where);
      const bool in_use = &owner == &app_ || owner.parsed();
      if (in_use && option.empty()) set(option, values, where);
    }
  }

 private:
  /// The command or subcommand in whose table a key lies.
  CLI::App& owner_of(const TomlEntry& entry, const std::string& where) const {
    CLI::App* owner = &app_;
    for (size_t i = 0; i + 1 < entry.path.size(); ++i) {
      const auto found =
          owner->get_subcommands([&](const CLI::App* child) { return child->get_name() == entry.path[i]; });
      if (found.empty()) {
        const bool is_option = find_option(*owner, entry.path[i]) != nullptr;
        throw UsageError(where,
                         is_option ? concat("'", entry.path[i], "' is an option, not a table")
                                   : concat("unknown table '", entry.path[i], "'"),
                         is_option ? "give it one value" : key_suggestion(*owner, entry.path[i]));
      }
      owner = found.front();
    }
    return *owner;
  }

  CLI::Option& option_of(CLI::App& owner, const TomlEntry& entry, const std::string& where) {
    const std::string& key = entry.path.back();
    CLI::Option* option = find_option(owner, key);
    if (option == nullptr) throw UsageError(where, concat("unknown key '", key, "'"), key_suggestion(owner, key));
    if (!option->get_configurable()) {
      throw UsageError(where, concat("'", key, "' is no key of a configuration"),
                       concat("give --", with_dashes(key), " on the command line"));
    }
    const auto [earlier, is_new] = set_.emplace(option, where);
    if (!is_new) throw UsageError(where, concat("'", key, "' was set before, at ", earlier->second));
    return *option;
  }

  static std::vector<std::string> values_for(const CLI::Option& option, const TomlEntry& entry,
                                             const std::string& where) {
    const std::string& key = entry.path.back();
    if (entry.is_array && option.get_items_expected_max() < 2) {
      throw UsageError(where, concat("'", key, "' takes one value, not an array"));
    }
    if (entry.values.empty()) throw UsageError(where, concat("'", key, "' is an empty array"), "leave the key out");
    std::vector<std::string> values;
    for (const TomlValue& value : entry.values) values.push_back(value_for(option, key, value, where));
    return values;
  }

  static std::string value_for(const CLI::Option& option, const std::string& key, const TomlValue& value,
                               const std::string& where) {
    using Is = TomlValue::Kind;
    const auto expect = [&](const char* what, const char* hint = "") {
      throw UsageError(where, concat("'", key, "' is ", value.written, ", expected ", what), hint);
    };
    switch (kind_of(option)) {
      case Kind::kFlag:
        if (value.text != "true" && value.text != "false") expect("true or false");
        return option.get_flag_value(with_dashes(key), value.text);
      case Kind::kNumber:
        if (value.kind == Is::kBoolean || value.kind == Is::kDate) expect("a number");
        return value.text;
      case Kind::kText:
        if (value.kind == Is::kDate) expect("a string", "put it in quotes");
        return value.written;  // also a folder named like a number
    }
    return value.text;
  }

  static void set(CLI::Option& option, const std::vector<std::string>& values, const std::string& where) {
    try {
      option.add_result(values);
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      throw UsageError(where, error.what());
    }
  }

  CLI::App& app_;
  std::string file_;
  bool is_recipe_;
  std::map<const CLI::Option*, std::string> set_;  ///< where
};

/// A number as TOML writes it: "1.", ".5" and "+3" are none, and numbers of 64 bits without sign are too large.
std::string toml_number(const std::string& text) {
  const char* end = text.data() + text.size();
  const auto is_all = [&](const std::from_chars_result& result) {
    return result.ptr == end && result.ec == std::errc();
  };
  int64_t whole = 0;
  if (is_all(std::from_chars(text.data(), end, whole))) return std::to_string(whole);
  double value = 0;
  const bool is_whole = text.find_first_not_of("0123456789") == std::string::npos;
  if (is_whole || !is_all(std::from_chars(text.data(), end, value))) return toml_string(text);
  char shortest[64];
  return {shortest, std::to_chars(shortest, shortest + sizeof shortest, value).ptr};
}

std::string toml_value(const CLI::Option& option, const std::string& value) {
  switch (kind_of(option)) {
    case Kind::kFlag:
      return option.get_flag_value(option.get_single_name(), "true") == value ? "true" : "false";
    case Kind::kNumber:
      return toml_number(value);
    case Kind::kText:
      break;
  }
  return toml_string(value);
}

/// The values of a list as CLI11 shows them: "[1,2]" or "1 2".
std::vector<std::string> listed(std::string text) {
  if (text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  return split(text, text.find(',') == std::string::npos ? ' ' : ',');
}

/// The values in effect; none when the option has none.
std::vector<std::string> values_of(const CLI::Option& option) {
  if (option.count() > 0) return option.reduced_results();
  // A flag that only switches on is off; of one that also switches off, the default is not known here.
  if (kind_of(option) == Kind::kFlag)
    return option.get_fnames().empty() ? std::vector<std::string>{"false"} : std::vector<std::string>();
  const std::string defaults = option.get_default_str();
  if (defaults.empty()) return {};
  if (option.get_items_expected_max() > 1) return listed(defaults);
  return option.as<std::vector<std::string>>();
}

std::string text_of(const TomlEntry& entry) {
  std::vector<std::string> texts;
  for (const TomlValue& value : entry.values) texts.push_back(value.text);
  return join(texts, ", ");
}

/// Each line of a text as a comment.
std::string comment(const std::string& text) { return "# " + join(split(text, '\n'), "\n# ") + "\n"; }

std::string to_toml(const CLI::Option& option) {
  std::vector<std::string> values = values_of(option);
  if (values.empty()) return "";
  for (std::string& value : values) value = toml_value(option, value);
  const bool is_array = option.get_items_expected_max() > 1;
  const std::string text = is_array ? "[" + join(values, ", ") + "]" : values.front();
  return "\n" + comment(option.get_description()) + option.get_single_name() + "=" + text + "\n";
}

}  // namespace

std::vector<TomlEntry> read_config(const std::string& file) {
  std::string text;
  try {
    const Bytes bytes = read_file(file, kLargestFile);
    text.assign(bytes.begin(), bytes.end());
  } catch (const InputError& error) {
    throw UsageError("--config", error.what());
  }
  return read_toml(from_earlier_config(text).value_or(text), file);
}

void apply_config(CLI::App& app, const std::vector<std::string>& files, bool recipes) {
  std::for_each(files.rbegin(), files.rend(), [&](const std::string& file) {
    if (recipes && file == kAutoRecipe) return;
    const std::string path = recipes ? find_recipe(file).string() : file;
    Configuration(app, path, recipes).apply(read_config(path));
  });
}

void apply_entries(CLI::App& app, const std::vector<TomlEntry>& entries, const std::string& file) {
  Configuration(app, file, /*is_recipe=*/false).apply(entries);
}

std::vector<ConfigChange> config_changes(const std::vector<TomlEntry>& before, const std::vector<TomlEntry>& now) {
  std::map<std::string, ConfigChange> changes;
  for (const TomlEntry& entry : before) changes[join(entry.path, ".")].before = text_of(entry);
  for (const TomlEntry& entry : now) changes[join(entry.path, ".")].now = text_of(entry);
  std::vector<ConfigChange> result;
  for (auto& [key, change] : changes) {
    change.key = key;
    if (change.before != change.now) result.push_back(std::move(change));
  }
  return result;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    const std::vector<std::string> of_child = option_names(*child);
    names.insert(names.end(), of_child.begin(), of_child.end());
  }
  return names;
}

std::string effective_config(const CLI::App& app) {
  std::string config = app.get_description().empty() ? "" : comment(app.get_description());
  std::vector<std::string> groups = app.get_groups();
  std::stable_partition(groups.begin(), groups.end(), [](const std::string& group) { return group == "Options"; });
  for (const std::string& group : groups) {
    std::string of_group;
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_configurable() && option->get_group() == group) of_group += to_toml(*option);
    }
    if (group != "Options" && !of_group.empty()) config += "\n# " + group + ":\n";
    config += of_group;
  }
  return config;
}

}  // namespace assemble::cli
