// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/data/derived_folder.h"
#include "assemble/image/decode.h"
#include "robustness/robustness.h"

namespace assemble::cli {

using nlohmann::ordered_json;

ordered_json making_of(const CorruptionSource& source) {
  if (!source.stored.empty()) {
    const fs::path manifest = source.stored / kCorruptSetManifest;
    ordered_json making{{"from", "stored set"}, {"folder", source.stored.string()}};
    if (fs::exists(manifest)) making["made"] = read_result(manifest.string());
    return making;
  }
  ordered_json making{{"from", "made while measuring"}, {"folder", source.dataset->where()}};
  making.update(pixel_settings(source.options));
  return making;
}

std::optional<int> stored_side(const CorruptionSource& source) {
  try {
    for (const std::string& corruption : source.options.corruptions) {
      for (const int severity : source.options.severities) {
        const fs::path folder = part_folder(source.stored, corruption) / std::to_string(severity);
        if (!fs::is_directory(folder)) continue;
        const Sample first = open_unlabelled(folder)->read(0);
        return read_image_size(first.encoded, first.name).height;
      }
    }
  } catch (const InputError&) {
    // Measuring says what is wrong with the image.
  }
  return std::nullopt;
}

}  // namespace assemble::cli
