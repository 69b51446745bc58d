// SPDX-License-Identifier: Apache-2.0
#include "common/recipes.h"

#include <algorithm>
#include <tuple>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/image/preprocess.h"
#include "common/config.h"

namespace assemble::cli {
namespace {

enum class Takes { kText, kTexts, kNumber };

struct Key {
  const char* table;
  const char* name;
  Takes takes;
};

constexpr Key kKeys[] = {
    {"about", "changes", Takes::kText},
    {"about", "follows", Takes::kText},
    {"about", "dataset", Takes::kText},
    {"about", "teacher", Takes::kText},
    {"about", "start", Takes::kText},
    {"evaluation", "measures", Takes::kTexts},
    {"evaluation", "corruption-resize", Takes::kNumber},
    {"evaluation", "corruption-crop", Takes::kNumber},
    {"published", "row", Takes::kText},
    {"published", "network", Takes::kText},
    {"published", "techniques", Takes::kTexts},
    {"published", "epochs", Takes::kNumber},
    {"published", "image-size", Takes::kNumber},
    {"published", "top1", Takes::kNumber},
    {"published", "mce", Takes::kNumber},
    {"published", "mfr", Takes::kNumber},
    {"published", "images-per-second", Takes::kNumber},
    {"published", "images-per-second-int8", Takes::kNumber},
    {"published", "device", Takes::kText},
};

bool is_number(const TomlValue& value) {
  return value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat;
}

/// Whether a value is as the key takes it.
bool fits(Takes takes, const TomlEntry& entry) {
  if (entry.is_array != (takes == Takes::kTexts) || entry.values.empty()) return false;
  return std::all_of(entry.values.begin(), entry.values.end(), [&](const TomlValue& value) {
    return takes == Takes::kNumber ? is_number(value) : value.kind == TomlValue::Kind::kText;
  });
}

const char* expectation(Takes takes) {
  switch (takes) {
    case Takes::kText:
      return "a string";
    case Takes::kTexts:
      return "an array of strings";
    case Takes::kNumber:
      break;
  }
  return "a number";
}

/// "E12" as ("E", 12), so that E2 comes before it.
std::pair<std::string, double> parts_of(const std::string& name) {
  const size_t digits = name.find_last_not_of("0123456789") + 1;
  return {name.substr(0, digits), parse_number(name.substr(digits)).value_or(-1)};
}

bool comes_before(const Recipe& a, const Recipe& b) {
  return std::tuple(a.group, parts_of(a.name)) < std::tuple(b.group, parts_of(b.name));
}

std::vector<fs::path> known_files() {
  const fs::path folder = recipe_folder(own_program());
  std::vector<fs::path> files;
  if (folder.empty()) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  return files;
}

}  // namespace

std::vector<std::string> Recipe::values(const std::string& key) const {
  for (const auto* entries : {&training, &tables}) {
    for (const TomlEntry& entry : *entries) {
      if (join(entry.path, ".") != key) continue;
      std::vector<std::string> texts;
      for (const TomlValue& value : entry.values) texts.push_back(value.written);
      return texts;
    }
  }
  return {};
}

std::string Recipe::value(const std::string& key) const {
  const std::vector<std::string> all = values(key);
  return all.empty() ? "" : all.front();
}

std::vector<std::string> Recipe::techniques() const {
  const auto is_on = [&](const char* key) {
    const std::string text = value(key);
    return !text.empty() && text != "none" && parse_number(text).value_or(1) != 0;
  };
  constexpr std::pair<const char*, const char*> kTechniques[] = {{"label-smoothing", "label smoothing"},
                                                                 {"mixup", "mixup"},
                                                                 {"cutmix-alpha", "CutMix"},
                                                                 {"drop-block", "DropBlock"},
                                                                 {"stochastic-depth", "stochastic depth"},
                                                                 {"kd-temperature", "distillation"},
                                                                 {"aug-mix", "AugMix"},
                                                                 {"pix-mix", "PixMix"}};
  std::vector<std::string> names;
  for (const auto& [key, technique] : kTechniques) {
    if (is_on(key)) names.emplace_back(technique);
  }
  if (is_on("auto-augment")) {
    const std::string operations = value("auto-augment");
    const bool draws_evenly = operations.starts_with("rand") || operations.starts_with("trivial");
    names.emplace_back(!draws_evenly ? "AutoAugment" : operations[0] == 'r' ? "RandAugment" : "TrivialAugment");
  }
  if (parse_number(value("aug-repeats")).value_or(1) > 1) names.emplace_back("repeated augmentation");
  return names;
}

int Recipe::image_size() const {
  const auto size = parse_number(value("eval-size"));
  if (size && *size > 0) return static_cast<int>(*size);
  const std::string type = value("preprocessing");
  return Preprocessing::from_type(type.empty() ? "imagenet" : type).eval_size;
}

bool is_about_recipe(const TomlEntry& entry, const std::string& where) {
  if (entry.path.size() < 2) return false;
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    if (entry.path[0] == key.table) names.emplace_back(key.name);
  }
  if (names.empty()) return false;
  const std::string name = join({entry.path.begin() + 1, entry.path.end()}, ".");
  const Key* key = std::find_if(std::begin(kKeys), std::end(kKeys),
                                [&](const Key& known) { return entry.path[0] == known.table && name == known.name; });
  if (key == std::end(kKeys)) {
    const std::string match = nearest(name, names);
    throw UsageError(where, concat("unknown key '", name, "' of [", entry.path[0], "]"),
                     match.empty() ? concat("it takes ", join(names, ", ")) : concat("did you mean ", match, "?"));
  }
  if (!fits(key->takes, entry)) throw UsageError(where, concat("'", name, "' takes ", expectation(key->takes)));
  return true;
}

Recipe read_recipe(const fs::path& file) {
  Recipe recipe{.name = file.stem().string(), .group = file.parent_path().filename().string(), .file = file};
  for (TomlEntry& entry : read_config(file.string())) {
    const std::string where = concat(file.string(), ":", entry.line, ":", entry.column);
    (is_about_recipe(entry, where) ? recipe.tables : recipe.training).push_back(std::move(entry));
  }
  return recipe;
}

fs::path recipe_folder(const fs::path& program) {
  std::error_code ignored;
  fs::path folder = program.parent_path();
  for (int level = 0; level < 4 && folder.has_relative_path(); ++level, folder = folder.parent_path()) {
    fs::path installed = folder / "share/assemble/recipes", sources = folder / "recipes";
    if (fs::is_directory(installed, ignored)) return installed;
    if (fs::is_directory(sources, ignored) && fs::exists(folder / "CMakePresets.json", ignored)) return sources;
  }
  return {};
}

std::vector<Recipe> known_recipes() {
  std::vector<Recipe> recipes;
  for (const fs::path& file : known_files()) recipes.push_back(read_recipe(file));
  if (recipes.empty()) {
    throw RunError("recipes", "are not beside the program", "install them again, or give a recipe's file");
  }
  std::sort(recipes.begin(), recipes.end(), comes_before);
  return recipes;
}

bool comes_along(const Recipe& recipe) {
  const std::vector<fs::path> files = known_files();
  return std::ranges::find(files, recipe.file) != files.end();
}

fs::path find_recipe(const std::string& name) {
  if (fs::path(name).has_parent_path() || fs::path(name).has_extension()) return name;
  std::vector<std::string> names;
  for (const fs::path& file : known_files()) {
    if (file.stem() == name) return file;
    names.push_back(file.stem().string());
  }
  if (fs::is_regular_file(name)) return name;
  if (name == kAutoRecipe) {
    throw UsageError("recipe auto", "is no file: `train` chooses it by the data",
                     "`assemble train --data DIR --dry-run` shows it");
  }
  const std::string match = nearest(name, names);
  throw UsageError(concat("recipe ", name), "is neither a file nor a recipe that comes along",
                   match.empty() ? "`assemble recipe list` shows them" : concat("did you mean ", match, "?"));
}

}  // namespace assemble::cli
