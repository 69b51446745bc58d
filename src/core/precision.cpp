// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/precision.h"

namespace assemble {

Precision parse_precision(const std::string& name) { return kPrecisions.parse(name); }
const char* precision_name(Precision precision) { return kPrecisions.name(precision); }

}  // namespace assemble
