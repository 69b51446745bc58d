// SPDX-License-Identifier: Apache-2.0
// Overlays of the images that a command explains, as files.
#pragma once

#include <string>
#include <vector>

#include "assemble/data/open_images.h"
#include "assemble/image/image.h"

namespace assemble::cli {

/// A folder with an overlay of each image, a JPEG of the image's name. Images of one name are told apart by a number.
class OverlayFolder {
 public:
  OverlayFolder(const fs::path& folder, const ImageList& images);

  /// Path of an image's overlay.
  const fs::path& file(int64_t image) const { return files_.at(static_cast<size_t>(image)); }
  /// @throws RunError when it cannot be written
  void write(int64_t image, const Image& overlay) const;

 private:
  std::vector<fs::path> files_;
};

}  // namespace assemble::cli
