// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assemble/image/image.h"

namespace assemble::raw {

/// Boxes of an annotation of ImageNet (PASCAL VOC's XML), relative to the size that the annotation gives, cut off at
/// the image's border. Boxes without area are left out, as the original does.
/// @throws InputError for anything malformed
std::vector<BoundingBox> parse_boxes(std::span<const uint8_t> xml, const std::string& where);

}  // namespace assemble::raw
