// SPDX-License-Identifier: Apache-2.0
// `assemble recipe`: one file each of its subcommands.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/hooks.h"
#include "common/recipes.h"
#include "common/subcommand.h"

namespace assemble::cli {

/// What is wrong with a recipe: missing words about it, and options that differ from the row of the table that it is
/// of.
/// @param known those that it may follow or start from
std::vector<std::string> recipe_problems(const Recipe& recipe, const std::vector<Recipe>& known);

/// The commands from the data set as it was downloaded to the measures.
std::vector<std::string> recipe_commands(const Recipe& recipe);

/// All of a recipe: name, group, file, training, about, evaluation, published, commands.
nlohmann::ordered_json recipe_to_json(const Recipe& recipe);

std::unique_ptr<Subcommand> make_recipe_list();
std::unique_ptr<Subcommand> make_recipe_check(const Hooks& hooks);

}  // namespace assemble::cli
