// SPDX-License-Identifier: Apache-2.0
// A ladder of configurations, each of which changes the one before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assemble/core/file.h"
#include "common/config.h"

namespace assemble::cli {

struct Rung {
  std::string name;
  std::string follows;                     ///< the rung that it changes; empty for the first
  std::vector<TomlEntry> options;          ///< all that its training has, as a configuration of `train`
  std::vector<ConfigChange> changes = {};  ///< against the rung that it follows
};

/// A TOML file:
///
///     title = "What anti-aliasing brings"
///     rungs = ["plain", "anti-aliased"]    # in this order
///     seeds = [0, 1, 2]                    # this and other options of `ablate`
///     [train]                              # options of `train`, for every rung
///     epochs = 30
///     [rung.plain]                         # the first may stay without
///     arch = "resnet50+w16"
///     [rung.anti-aliased]                  # what it changes in the one before, or in `follows = "NAME"`
///     arch = "resnet50+aa3+w16"
///
/// In `pretrained` and `teacher`, "rung:NAME" stands for the model of an earlier rung with the same seed.
struct Ladder {
  std::string title;
  std::vector<Rung> rungs;
  std::vector<TomlEntry> settings = {};  ///< other keys outside of tables: options of `ablate`

  /// @throws UsageError naming file, line and column for what is no ladder, a rung without a table, a table without a
  ///         rung, a rung that changes nothing, and an option that the command sets itself
  static Ladder read(const fs::path& file);
  /// The same of its text. @param where what errors call it
  static Ladder parse(std::string_view text, const std::string& where);
};

/// An option that is a number. @param written its decimal digits
TomlEntry number_option(const std::string& key, const std::string& written);

/// Sets an option in the place of what the options have of it.
void set_option(std::vector<TomlEntry>& options, TomlEntry entry);

/// The rung whose model an option names, "rung:NAME"; empty for anything else.
std::string rung_named_by(const TomlEntry& entry);

/// A rung's name as that of a folder: letters, digits and single dashes.
std::string folder_name(const std::string& rung);

}  // namespace assemble::cli
