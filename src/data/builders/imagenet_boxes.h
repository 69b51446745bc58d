// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "assemble/data/build.h"

namespace assemble::raw {

/// Object boxes of ImageNet by the names of the images, from whichever of these the raw folder holds, for training and
/// validation images alike:
///  - XML annotations in bounding_boxes/ or Annotations/, in any folders below;
///  - the published archives ILSVRC2012_bbox_train_v2.tar.gz and ILSVRC2012_bbox_val_v3.tgz;
///  - imagenet_2012_bounding_boxes.csv, lines NAME.JPEG,XMIN,YMIN,XMAX,YMAX of shares of the image, as the scripts
///  around
///    TensorFlow's models write them;
///  - LOC_train_solution.csv and LOC_val_solution.csv, lines NAME,SYNSET XMIN YMIN XMAX YMAX … in pixels.
/// An image takes its boxes from the first of them that has any.
class ImageNetBoxes {
 public:
  /// Annotations that cannot be read are said, and their images have no boxes.
  /// @throws InputError for a damaged archive or line
  explicit ImageNetBoxes(const fs::path& raw);

  void give(RawImage& image, const std::string& file_name) const;

 private:
  struct Boxes {
    std::vector<BoundingBox> relative = {};
    std::vector<Window> pixels = {};
  };

  void add_folder(const fs::path& folder);
  void add_archive(const fs::path& file);
  void add_shares(const fs::path& file);
  void add_solution(const fs::path& file);
  void add_xml(const std::string& stem, std::span<const uint8_t> xml, const std::string& where);
  void close_source(const fs::path& file);

  std::map<std::string, Boxes> boxes_;
  std::map<std::string, Boxes> source_;  ///< of the one that is being read
  int64_t unreadable_ = 0;
};

}  // namespace assemble::raw
