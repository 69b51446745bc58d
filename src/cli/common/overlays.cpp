// SPDX-License-Identifier: Apache-2.0
#include "common/overlays.h"

#include <set>

#include "assemble/core/text.h"
#include "assemble/image/encode.h"

namespace assemble::cli {

OverlayFolder::OverlayFolder(const fs::path& folder, const ImageList& images) {
  std::set<fs::path> taken;
  for (int64_t i = 0; i < images.size(); ++i) {
    const fs::path name = fs::path(images.name(i)).replace_extension();
    fs::path file = folder / fs::path(name).concat(".jpg");
    for (int number = 2; !taken.insert(file).second; ++number) {
      file = folder / fs::path(name).concat(concat("_", number, ".jpg"));
    }
    files_.push_back(std::move(file));
  }
}

void OverlayFolder::write(int64_t image, const Image& overlay) const {
  constexpr int kQuality = 90;
  make_directories(file(image).parent_path());
  AtomicFile written(file(image));
  written.write(encode_jpeg(overlay, kQuality));
  written.commit(/*flush=*/false);
}

}  // namespace assemble::cli
