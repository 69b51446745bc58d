// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/image/image.h"
#include "corruptions/filters.h"

namespace assemble::corruptions {

/// Enlarged by cubic convolution (a = -0.75), borders repeated: OpenCV's INTER_CUBIC, in the fixed point of its
/// unvectorised code. What it does with vectors is rounded otherwise from processor to processor.
Image enlarged(const Image& image, int height, int width);
/// The same of a field of one channel, in double.
std::vector<double> enlarged(const std::vector<double>& field, const FieldSize& size, int height, int width);

}  // namespace assemble::corruptions
