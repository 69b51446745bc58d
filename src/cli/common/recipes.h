// SPDX-License-Identifier: Apache-2.0
// Recipes: configurations of `assemble train` that also say what they are, how to measure them and what was published.
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/io/toml.h"

namespace assemble::cli {

/// A recipe's file. Beside the options of training it may hold three tables, which no flag sets:
/// [about] (changes, follows, dataset, teacher, start), [evaluation] (measures, corruption-resize, corruption-crop) and
/// [published] (row, network, techniques, epochs, image-size, top1, mce, mfr, images-per-second,
/// images-per-second-int8, device).
struct Recipe {
  std::string name;   ///< of the file, without ".toml"
  std::string group;  ///< of the folder: the table it is a row of
  fs::path file;
  std::vector<TomlEntry> training = {};  ///< what `train` reads
  std::vector<TomlEntry> tables = {};    ///< the rest

  /// Values of a key, "epochs" or "published.top1", as they are written; none where it is not set.
  std::vector<std::string> values(const std::string& key) const;
  /// The first of them; empty where there is none.
  std::string value(const std::string& key) const;
  /// What training adds to the network, in the words of published.techniques.
  std::vector<std::string> techniques() const;
  /// Side of the images that it is evaluated on. @throws UsageError for a preprocessing that is not known
  int image_size() const;
};

/// Whether a key lies in one of the tables that no flag sets.
/// @param where file, line and column. @throws UsageError for a key or a value that does not belong there
bool is_about_recipe(const TomlEntry& entry, const std::string& where);

/// @throws UsageError when it is no TOML, or the tables hold what does not belong there
Recipe read_recipe(const fs::path& file);

/// The folder with the recipes that come along: of an installation, or of the sources that the program was built from.
/// @param program path of the running program. @return empty where there is none
fs::path recipe_folder(const fs::path& program);

/// All recipes that come along, by group and number. @throws RunError where there are none
std::vector<Recipe> known_recipes();

/// Whether a recipe is one of known_recipes(), so that its name is enough to find it.
bool comes_along(const Recipe& recipe);

/// The name of the recipe that has no file: `train` chooses by the data.
inline constexpr const char* kAutoRecipe = "auto";

/// The file of a recipe that is given by the name of one that comes along or as a path.
/// @throws UsageError for an unknown name, with the nearest
fs::path find_recipe(const std::string& name);

}  // namespace assemble::cli
