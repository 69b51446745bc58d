// SPDX-License-Identifier: Apache-2.0
// Which options name files and folders: shells complete them, and the help says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assemble::cli {

enum class PathKind { kNone, kFile, kFolder, kEither };

struct PathOption {
  PathKind kind = PathKind::kNone;
  std::vector<std::string> endings = {};  ///< of its files, without the dot; empty: any
};

/// What an option of any command takes, by its name: without dashes, or by position. The same name means the same
/// everywhere.
PathOption path_option(std::string_view name);

/// The names that path_option() knows.
std::vector<std::string> path_option_names();

}  // namespace assemble::cli
