// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/data/build.h"

namespace assemble {

/// The serialised tf.train.Example of one image: as it is, repaired or scaled (see build_records).
/// @throws InputError when the image does not decode
Bytes make_record(const RawImage& raw, const std::string& class_name, const BuildOptions& options);

}  // namespace assemble
