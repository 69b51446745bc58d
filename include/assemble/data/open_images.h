// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"

namespace assemble {

/// Opens images for work that needs no labels: a data set as open_dataset() opens it, with its classes, else every
/// image there is, as open_unlabelled(), which the log then says.
///
/// Images that lie in `path` itself, beside folders that could be classes, make it a folder of images.
/// @param split     the one wanted; nothing: `preferred`, else whatever images there are
/// @throws InputError when there are no images, or no such split
std::unique_ptr<Dataset> open_images(const fs::path& path, std::optional<Split> split,
                                     Split preferred = Split::kValidation, const RecordFiles& files = {});

/// Images of several files, folders and archives, one after the other; each is opened as by open_unlabelled().
class ImageList {
 public:
  /// @throws InputError when one does not exist or holds no images
  explicit ImageList(const std::vector<std::string>& paths, const RecordFiles& files = {});

  int64_t size() const;
  /// @throws InputError when the image cannot be read
  Sample read(int64_t index) const;
  /// Path of the image; in records and archives theirs, with the image's number.
  std::string path(int64_t index) const;
  /// Path below the folder given, the name of a file given itself, image_NNNNNNNN by its index in records and archives.
  std::string name(int64_t index) const;

 private:
  struct Place {
    const Dataset& images;
    int64_t index;
  };
  Place place(int64_t index) const;

  std::vector<std::unique_ptr<Dataset>> parts_;
  std::vector<int64_t> ends_;  ///< of each part
};

/// Path of an image below its data set's folder; image_NNNNNNNN by its index where it is no file of its own.
fs::path image_name(const Dataset& dataset, int64_t index);

/// Whether image_name() is the path of a file.
bool images_are_files(const Dataset& dataset);

}  // namespace assemble
