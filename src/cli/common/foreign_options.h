// SPDX-License-Identifier: Apache-2.0
// What the files of other programs' networks do not say of them, as options: the same ones for every command.
#pragma once

#include <CLI/CLI.hpp>

#include "assemble/deploy/foreign_options.h"

namespace assemble::cli {

/// --input-mean, --output-kind …: each says what the key of the .toml file says that it is named after.
void declare_foreign(CLI::App& app, ForeignModelOptions& options);

}  // namespace assemble::cli
