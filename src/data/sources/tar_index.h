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
  std::optional<int64_t> cls;  ///< its label, where it has one
};

/// A member that is no sample's image.
struct TarOther {
  std::string name;
  std::string reason;  ///< empty: it is no image
};

struct TarIndex {
  std::vector<TarSample> samples;  ///< in order of the first member of each
  std::vector<TarOther> others;
};

/// Samples of an uncompressed tar file. Members belong together that share the path up to the first dot of the last
/// part, wherever in the file they lie; where several images do, each has the label of its own name, KEY.2.cls that of
/// KEY.2.jpg. Of the images of one label the one of the shortest name is taken. A member that occurs again begins
/// another sample. A file that ends too early or is damaged gives what came before.
/// @param defects damage, each with file and offset
/// @throws InputError when it is no tar file
TarIndex index_tar(const fs::path& path, std::vector<std::string>* defects);

}  // namespace assemble
