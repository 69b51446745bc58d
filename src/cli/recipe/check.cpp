// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "recipe/recipe.h"

namespace assemble::cli {
namespace {

/// The paper's name of a network as an arch string: "R50+d".
std::string arch_of_row(const std::string& network) {
  return network.starts_with('R') ? "resnet" + network.substr(1) : network;
}

class RecipeProblems {
 public:
  RecipeProblems(const Recipe& recipe, const std::vector<Recipe>& known) : recipe_(recipe), known_(names_of(known)) {}

  std::vector<std::string> problems() {
    check_words();
    check_evaluation();
    check_row();
    return std::move(problems_);
  }

 private:
  void require(bool holds, const std::string& problem) {
    if (!holds) problems_.push_back(problem);
  }

  void check_words() {
    for (const char* key : {"about.changes", "about.dataset"}) {
      require(!recipe_.value(key).empty(), concat(key, " is not there"));
    }
    for (const char* key : {"about.follows", "about.start"}) {
      const std::string name = recipe_.value(key);
      require(name.empty() || std::find(known_.begin(), known_.end(), name) != known_.end(),
              concat(key, " names '", name, "', which is no recipe"));
    }
    const std::vector<std::string> techniques = recipe_.techniques();
    const bool distils = std::find(techniques.begin(), techniques.end(), "distillation") != techniques.end();
    require(distils == !recipe_.value("about.teacher").empty(), "kd-temperature and about.teacher go together");
  }

  void check_evaluation() {
    const std::vector<std::string> measures = recipe_.values("evaluation.measures");
    require(!measures.empty(), "evaluation.measures is not there");
    bool corrupts = false;
    for (const std::string& measure : measures) {
      require(measure == "top1" || measure == "mce" || measure == "mfr" || measure == "recall@1",
              concat("evaluation.measures holds '", measure, "', expected top1, mce, mfr or recall@1"));
      corrupts |= measure == "mce" || measure == "mfr";
    }
    if (!corrupts) return;
    agree("evaluation.corruption-crop", std::to_string(recipe_.image_size()), "the size that it is evaluated at");
    const auto resize = parse_number(recipe_.value("evaluation.corruption-resize"));
    require(resize && *resize >= recipe_.image_size(), "evaluation.corruption-resize is less than the crop");
  }

  /// Holds training's options against the row of the table.
  void check_row() {
    if (recipe_.value("published.row").empty()) return;
    require(arch_of_row(recipe_.value("published.network")) == recipe_.value("arch"),
            concat("arch is ", recipe_.value("arch"), ", the row's network ", recipe_.value("published.network")));
    agree("published.epochs", recipe_.value("epochs"), "epochs");
    agree("published.image-size", std::to_string(recipe_.image_size()), "the size that it is evaluated at");
    const std::string here = join(recipe_.techniques(), ", "),
                      there = join(recipe_.values("published.techniques"), ", ");
    require(here == there, concat("trains with [", here, "], the row with [", there, "]"));
  }

  void agree(const char* key, const std::string& value, const char* what) {
    require(recipe_.value(key) == value, concat(key, " is ", recipe_.value(key), ", ", what, " ", value));
  }

  const Recipe& recipe_;
  std::vector<std::string> known_;
  std::vector<std::string> problems_;
};

class RecipeCheck : public Subcommand {
 public:
  explicit RecipeCheck(const Hooks& hooks)
      : Subcommand("check", "Whether recipes are whole, train takes them and they are as the table's rows"),
        check_training_(hooks.check_training) {}

  std::string purpose() const override {
    return "Holds recipes against what `assemble train` takes and against the table's rows. The exit status is 3 when "
           "one is not as it should be.";
  }
  std::vector<Example> examples() const override {
    return {{"Check a recipe of your own", "assemble recipe check my_recipe.toml"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("recipes", names_, "Names or files; all that come along where there are none")->default_str("");
  }

  void run() override {
    if (!check_training_) throw NeedsTorch("recipe check");
    const std::vector<Recipe> known = known_recipes();
    std::vector<Recipe> recipes = names_.empty() ? known : std::vector<Recipe>();
    for (const std::string& name : names_) recipes.push_back(read_recipe(find_recipe(name)));
    std::vector<std::vector<std::string>> rows{{"recipe", "verdict"}};
    nlohmann::ordered_json json;
    size_t wrong = 0;
    for (const Recipe& recipe : recipes) {
      const std::vector<std::string> problems = problems_of(recipe, known);
      json["recipes"].push_back({{"name", recipe.name}, {"problems", problems}});
      rows.push_back({recipe.name, problems.empty() ? "as it should be" : join(problems, "; ")});
      wrong += problems.empty() ? 0 : 1;
    }
    json["wrong"] = wrong;
    print(json, format_table(rows));
    if (wrong > 0) throw InputError("recipes", concat(wrong, " of ", recipes.size(), " are not as they should be"));
  }

 private:
  std::vector<std::string> problems_of(const Recipe& recipe, const std::vector<Recipe>& known) const {
    std::vector<std::string> problems = recipe_problems(recipe, known);
    try {
      check_training_(recipe.file);
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
    return problems;
  }

  std::function<void(const fs::path&)> check_training_;
  std::vector<std::string> names_;
};

}  // namespace

std::vector<std::string> recipe_problems(const Recipe& recipe, const std::vector<Recipe>& known) {
  return RecipeProblems(recipe, known).problems();
}

std::unique_ptr<Subcommand> make_recipe_check(const Hooks& hooks) { return std::make_unique<RecipeCheck>(hooks); }

}  // namespace assemble::cli
