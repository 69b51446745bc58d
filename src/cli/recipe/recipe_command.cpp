// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "common/commands.h"
#include "common/config.h"
#include "recipe/recipe.h"

namespace assemble::cli {
namespace {

nlohmann::ordered_json to_json(const TomlValue& value) {
  const bool is_bare = value.kind != TomlValue::Kind::kText && value.kind != TomlValue::Kind::kDate;
  const auto json = is_bare ? nlohmann::ordered_json::parse(value.text, nullptr, false) : nlohmann::ordered_json();
  return is_bare && !json.is_discarded() ? json : nlohmann::ordered_json(value.text);
}

nlohmann::ordered_json to_json(const TomlEntry& entry) {
  if (!entry.is_array) return to_json(entry.values.front());
  nlohmann::ordered_json values = nlohmann::ordered_json::array();
  for (const TomlValue& value : entry.values) values.push_back(to_json(value));
  return values;
}

class RecipeShow : public Subcommand {
 public:
  RecipeShow() : Subcommand("show", "A recipe's file, and the commands from its data to its measures") {}

  std::string purpose() const override {
    return "Prints a recipe's file, and the commands that lead from its data to its measures.";
  }
  std::vector<Example> examples() const override {
    return {{"Show the paper's assembled network", "assemble recipe show E11"}};
  }

  void declare(CLI::App& app) override { app.add_option("recipe", name_, "Name of a recipe, or a file")->required(); }

  void run() override {
    const Recipe recipe = read_recipe(find_recipe(name_));
    const Bytes text = read_file(recipe.file, uint64_t{1} << 24);
    print(recipe_to_json(recipe), concat("# ", recipe.file.string(), "\n", std::string(text.begin(), text.end()),
                                         "\n# Commands:\n# ", join(recipe_commands(recipe), "\n# "), "\n"));
  }

 private:
  std::string name_;
};

class RecipeDiff : public Subcommand {
 public:
  RecipeDiff() : Subcommand("diff", "What one recipe changes against another") {}

  std::string purpose() const override { return "Lists the options that two recipes set differently."; }
  std::vector<Example> examples() const override {
    return {{"What the last row adds to the first", "assemble recipe diff E0 E11"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("before", before_, "Name of a recipe, or a file")->required();
    app.add_option("now", now_, "Name of a recipe, or a file")->required();
  }

  void run() override {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows{{"option", before_, now_}};
    for (const ConfigChange& change : config_changes(entries_of(before_), entries_of(now_))) {
      json.push_back({{"key", change.key}, {"before", to_json(change.before)}, {"now", to_json(change.now)}});
      rows.push_back({change.key, change.before.value_or("-"), change.now.value_or("-")});
    }
    print(json, rows.size() == 1 ? "The same.\n" : format_table(rows));
  }

 private:
  static nlohmann::ordered_json to_json(const std::optional<std::string>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  }

  /// All but [about], which tells of the file alone.
  static std::vector<TomlEntry> entries_of(const std::string& name) {
    Recipe recipe = read_recipe(find_recipe(name));
    std::vector<TomlEntry> entries = std::move(recipe.training);
    for (TomlEntry& entry : recipe.tables) {
      if (entry.path[0] != "about") entries.push_back(std::move(entry));
    }
    return entries;
  }

  std::string before_, now_;
};

}  // namespace

std::vector<std::string> recipe_commands(const Recipe& recipe) {
  std::vector<std::string> commands;
  const std::string dataset = recipe.value("about.dataset"), teacher = recipe.value("about.teacher");
  const std::string start = recipe.value("about.start"), model = "RUN/best.safetensors";
  if (!dataset.empty() && dataset != "folder") {
    commands.push_back(concat("assemble dataset build ", dataset, " --raw RAW --out DATA"));
  }
  if (!teacher.empty()) commands.push_back("assemble teach --model TEACHER --data DATA --out TAUGHT");
  commands.push_back(concat("assemble train --recipe ", comes_along(recipe) ? recipe.name : recipe.file.string(),
                            " --data ", teacher.empty() ? "DATA" : "TAUGHT", " --out RUN",
                            start.empty() ? "" : concat(" --pretrained RUN_OF_", start, "/best.safetensors")));
  for (const std::string& measure : recipe.values("evaluation.measures")) {
    if (measure == "top1") commands.push_back(concat("assemble eval --model ", model, " --data DATA"));
    if (measure == "recall@1") commands.push_back(concat("assemble eval --model ", model, " --data DATA --retrieval"));
    if (measure != "mce" && measure != "mfr") continue;
    commands.push_back(concat("assemble robustness ", measure == "mce" ? "c" : "p", " --model ", model,
                              " --data DATA --resize ", recipe.value("evaluation.corruption-resize"), " --crop ",
                              recipe.value("evaluation.corruption-crop")));
  }
  return commands;
}

nlohmann::ordered_json recipe_to_json(const Recipe& recipe) {
  nlohmann::ordered_json json{{"name", recipe.name}, {"group", recipe.group}, {"file", recipe.file.string()}};
  for (const TomlEntry& entry : recipe.training) json["training"][join(entry.path, ".")] = to_json(entry);
  for (const TomlEntry& entry : recipe.tables) json[entry.path[0]][entry.path[1]] = to_json(entry);
  json["commands"] = recipe_commands(recipe);
  return json;
}

std::unique_ptr<Subcommand> make_recipe_command(const Hooks& hooks) {
  auto command = std::make_unique<SubcommandGroup>(
      "recipe", "The rows of the paper's tables, and others, as files",
      "A recipe is a configuration of `assemble train` that also says what it is, how it is measured and what was "
      "published of it: the rows of the paper's tables, and presets for photos of your own.");
  command->add(make_recipe_list());
  command->add(std::make_unique<RecipeShow>());
  command->add(std::make_unique<RecipeDiff>());
  command->add(make_recipe_check(hooks));
  return command;
}

}  // namespace assemble::cli
