// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/loader.h"
#include "assemble/image/image.h"

namespace assemble {

/// Image `index` of a batch as people see it: its first view, before mean and deviation were taken off.
Image seen_image(const Batch& batch, int64_t index, const Preprocessing& preprocessing);

}  // namespace assemble
