// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "assemble/core/resumable_folder.h"
#include "assemble/data/derived_folder.h"

namespace assemble {

struct FileToCopy {
  fs::path from;
  std::string to = {};  ///< below the output folder
};

/// Fills a folder with files, by several threads. It goes on where it was interrupted; files that are there in their
/// size are kept.
/// @param what     for the progress line: "copying photos"
/// @param settings what the folder is of; the paths are added to it
/// @throws UsageError when the folder is of something else; RunError when it cannot be written
CopiedFiles copy_files(const std::string& what, const std::vector<FileToCopy>& files, const fs::path& output,
                       const ResumableFolder::Kind& kind, nlohmann::ordered_json settings,
                       CopyMethod method = CopyMethod::kCopy);

}  // namespace assemble
