// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// One sample of a tar file.
struct TarSample {
  std::string name;            ///< of the image, as stored
  uint64_t offset = 0;         ///< of the image's bytes in the file
  uint64_t length = 0;         ///< of the image
  std::optional<int64_t> cls;  ///< label of KEY.cls
};

/// Samples of an uncompressed tar file, in order. A file that ends too early or is damaged gives what came before.
/// @param defects damage, each with file and offset
/// @throws InputError when it is no tar file
std::vector<TarSample> index_tar(const fs::path& path, std::vector<std::string>* defects);

}  // namespace assemble
