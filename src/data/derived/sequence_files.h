// SPDX-License-Identifier: Apache-2.0
// Sequences as files: videos, and folders of numbered frames.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

/// Image files that lie in the folder itself, in the order of the numbers in their names.
/// @throws InputError when it cannot be listed
std::vector<fs::path> frame_files(const fs::path& folder);

/// Videos and folders of frames below a folder, in the order of the data set they were made of.
/// @throws InputError when a folder cannot be listed
std::vector<fs::path> find_sequences(const fs::path& folder);

struct FoundSequence {
  fs::path path;
  int depth = 0;  ///< folders between `folder` and the frames or the video: 0 for those in the folder itself
};
/// The one met first below a folder; nothing when there is none.
std::optional<FoundSequence> first_sequence(const fs::path& folder);

/// @param path a video, or a folder of frames
/// @throws InputError when a frame cannot be read, is missing or there twice, when there are more or fewer than `kind`
///         has, and when they are not squares of one size
std::vector<Image> read_sequence(const fs::path& path, const std::string& kind);

}  // namespace assemble
