// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/exchange.h"
#include "assemble/core/file.h"
#include "assemble/image/decode.h"
#include "assemble/image/image.h"

namespace assemble {

/// One image of a data set as it was downloaded.
struct RawImage {
  fs::path path = {};  ///< the file, or the archive that it lies in
  int64_t label = 0;
  std::string text = {};                 ///< image/class/text; empty: the class' name
  std::string synset = {};               ///< image/class/synset; empty: none
  std::vector<BoundingBox> boxes = {};   ///< relative to the image
  std::vector<Window> pixel_boxes = {};  ///< in pixels; what leaves the image is cut off
  std::string member = {};               ///< name in the archive; empty: `path` is the image itself
  uint64_t offset = 0;                   ///< of the member's bytes in `path`
  uint64_t length = 0;

  /// Name without folders.
  std::string file_name() const { return (member.empty() ? path : fs::path(member)).filename().string(); }
  /// For messages: "PATH" or "PATH (MEMBER)".
  std::string where() const { return member.empty() ? path.string() : path.string() + " (" + member + ")"; }
};

/// A data set as it was downloaded.
struct RawDataset {
  std::vector<std::string> class_names;  ///< one a label
  std::vector<RawImage> train;           ///< a split without images gets no files
  std::vector<RawImage> validation;
};

/// How one public data set is found in its published files. One file each in src/data/builders/.
struct Builder {
  std::string name;
  std::string summary;  ///< data set and what must lie in the raw folder
  int train_shards = 8;
  int validation_shards = 2;
  /// @throws InputError naming file and line for files that are missing or not as published
  RawDataset (*list)(const fs::path& raw) = nullptr;
  bool boxed = false;  ///< every image has the box of its object, to which BuildOptions::crop_to_box can cut it
};

/// All builders, "folder" (a folder a class) first.
const std::vector<Builder>& builders();
/// @throws UsageError listing the names
const Builder& find_builder(const std::string& name);

/// Settings of build_records.
struct BuildOptions {
  int train_shards = 0;       ///< 0: the builder's
  int validation_shards = 0;  ///< 0: the builder's
  uint64_t seed = 0;          ///< of the shuffle of the training split
  int threads = 0;            ///< 0: every core
  int max_side = 0;           ///< larger images are scaled down to this longer side; 0: never
  int quality = 0;            ///< 1…100: images become JPEGs of this quality where that makes them smaller; 0: never
  bool crop_to_box = false;   ///< of Builder::boxed sets: images are cut to their largest box; one without is left out
  ExifRule exif = ExifRule::kIgnore;  ///< kTurn: a tagged image without boxes becomes a turned JPEG of quality 100
  bool seekable = false;              ///< JPEGs go through seekable_jpeg
};

/// Counts of what was written.
struct BuildReport {
  int64_t train_images = 0;
  int64_t validation_images = 0;
  int64_t skipped = 0;  ///< files that do not decode; each is logged
  int64_t classes = 0;
  int64_t resumed = 0;  ///< shards found whole from an earlier, interrupted build
};

/// Writes a data set as TFRecords (train-00000-of-0000N, validation-…), classes.txt and the manifest dataset.json.
///
/// Files are kept byte for byte, except that CMYK JPEGs and PNGs named as JPEGs become RGB JPEGs of quality 100 (as the
/// original repairs ImageNet), that images above max_side are scaled with antialiasing to JPEGs of quality 95, as those
/// that crop_to_box cuts are, that `quality` takes the place of both and of larger files, and that `seekable` rewrites
/// JPEGs without changing a pixel.
/// The result is the same for any number of threads. Shards appear whole or not at all: after a kill, the same call
/// goes on with the missing ones.
/// @throws InputError as the builder does, and where not one image of a split can be read; RunError when `output`
/// cannot be written
BuildReport build_records(const std::string& name, const fs::path& raw, const fs::path& output,
                          const BuildOptions& options);

/// The same by several processes: every world-th shard is this one's. `raw` must hold the same for all, and `output`
/// be one folder that all of them reach. The result, and what the report says, are those of one process.
/// @throws UsageError naming the rank that has other images or options, and RunError when a process does not see what
///         another has written
BuildReport build_records(const std::string& name, const fs::path& raw, const fs::path& output,
                          const BuildOptions& options, Exchange& ranks);

}  // namespace assemble
