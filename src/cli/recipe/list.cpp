// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "assemble/core/choice.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "recipe/recipe.h"

namespace assemble::cli {
namespace {

enum class ListFormat { kTable, kMarkdown };
constexpr auto kListFormats =
    choices<ListFormat>("format", {{ListFormat::kTable, "table"}, {ListFormat::kMarkdown, "markdown"}});

using RecipeRows = std::vector<std::vector<std::string>>;

RecipeRows rows_of(const std::vector<Recipe>& recipes, const std::string& group) {
  RecipeRows rows{{"recipe", "arch", "techniques", "epochs", "size", "top-1", "mCE", "mFR", "changes"}};
  for (const Recipe& recipe : recipes) {
    if (recipe.group != group) continue;
    rows.push_back({recipe.name, recipe.value("arch"), join(recipe.techniques(), ", "), recipe.value("epochs"),
                    std::to_string(recipe.image_size()), recipe.value("published.top1"), recipe.value("published.mce"),
                    recipe.value("published.mfr"), recipe.value("about.changes")});
  }
  return rows;
}

std::string to_markdown(const RecipeRows& rows) {
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    text += "| " + join(row, " | ") + " |\n";
    if (&row == &rows.front()) text += "|" + join(std::vector<std::string>(row.size(), " --- "), "|") + "|\n";
  }
  return text;
}

class RecipeList : public Subcommand {
 public:
  RecipeList() : Subcommand("list", "The recipes that come along, with the figures that were published of them") {}

  std::string purpose() const override {
    return "Lists the recipes that come along: the rows of the paper's tables, with the figures that were published of "
           "them, and others.";
  }
  std::vector<Example> examples() const override { return {{"List them", "assemble recipe list"}}; }

  void declare(CLI::App& app) override { add_choice(app, "--format", format_, kListFormats, "How they are written"); }

  void run() override {
    const std::vector<Recipe> recipes = known_recipes();
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    std::vector<std::string> groups;
    for (const Recipe& recipe : recipes) {
      json.push_back(recipe_to_json(recipe));
      if (groups.empty() || groups.back() != recipe.group) groups.push_back(recipe.group);
    }
    std::string text;
    for (const std::string& group : groups) {
      const RecipeRows rows = rows_of(recipes, group);
      if (!text.empty()) text += "\n";
      text += format_ == ListFormat::kMarkdown ? concat("### ", group, "\n", to_markdown(rows))
                                               : concat(group, "\n", format_table(rows));
    }
    print(json, text);
  }

 private:
  ListFormat format_ = ListFormat::kTable;
};

}  // namespace

std::unique_ptr<Subcommand> make_recipe_list() { return std::make_unique<RecipeList>(); }

}  // namespace assemble::cli
