// SPDX-License-Identifier: Apache-2.0
// Outputs are checked before anything is read: work that cannot be written is not begun.
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble::cli {

/// Makes the folder that a file will lie in, and tries whether the file can be written there.
/// @param option the output's, for errors
/// @param inputs files and folders that are read; empty ones are passed over
/// @throws UsageError when the file is an input or a folder, RunError when it cannot be written
void prepare_output_file(const std::string& option, const fs::path& file, const std::vector<std::string>& inputs);

/// Whether a folder can be made, or written to where it exists already. Nothing is made.
/// @param data data sets that are read; empty ones are passed over
/// @throws UsageError when it is a data set's own or empty, RunError when it cannot be written or is a file
void check_output_folder(const std::string& option, const fs::path& folder, const std::vector<std::string>& data);

}  // namespace assemble::cli
