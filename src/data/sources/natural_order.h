// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace assemble {

/// Order of names in which a run of digits counts as the number it writes: frame_2 comes before frame_10. Names that
/// differ in leading zeros alone go by bytes.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace assemble
