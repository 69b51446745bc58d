// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// Names of the drawn data set's classes: textured shapes ("striped disc", …).
const std::vector<std::string>& drawn_classes();

/// Draws one image: a shape with a texture, of random place, size, turn and colours, on a busy background with
/// distractors, so that pixels and colours alone do not tell the class.
/// @param label 0 … drawn_classes().size() - 1
/// @param side  height and width, 16…4096 pixels
/// @throws UsageError when either is out of range
Image draw_image(int64_t label, int side, Random& random);

/// Settings of draw_dataset.
struct DrawOptions {
  int train_per_class = 120;
  int validation_per_class = 40;
  int side = 64;
  uint64_t seed = 0;
  /// Half of the classes are in training and the others in validation, for retrieval of classes that were never seen:
  /// every shape and every texture is in both, in other pairs.
  bool zero_shot = false;
  int threads = 0;  ///< 0: every core
};

/// The file beside a drawn set's images that says how they were drawn.
inline constexpr const char* kDrawnSetManifest = "draw.json";

/// Writes DIR/train/CLASS/00000.png … and DIR/validation/CLASS/…, the same for any number of threads, and
/// kDrawnSetManifest before them. After a kill, the same call draws the images that are missing.
/// @throws UsageError, before anything is written, when DIR holds a set that was drawn with other options, or has a
///         train or validation that was not drawn; RunError when writing fails
void draw_dataset(const fs::path& directory, const DrawOptions& options);

}  // namespace assemble
