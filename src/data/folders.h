// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Names of the folders in a folder that are not hidden, in byte order.
/// @throws InputError when it does not exist, is no folder or cannot be read
std::vector<std::string> folder_names(const fs::path& directory);

/// Image files below a folder by extension, in byte order of their paths; hidden ones are passed over.
std::vector<fs::path> image_files(const fs::path& directory);

}  // namespace assemble
