// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Value of one feature of a tf.train.Example: bytes_list, float_list or int64_list.
using Feature = std::variant<std::vector<std::string>, std::vector<float>, std::vector<int64_t>>;
/// A tf.train.Example as its feature map.
using Example = std::map<std::string, Feature>;

/// Parses a serialised tf.train.Example (packed and unpacked lists). A feature without a list reads as an empty
/// bytes_list; of a name that occurs twice the last one counts.
/// @param where named in errors (file and record)
/// @throws InputError with the offset of the defect
Example parse_example(std::span<const uint8_t> bytes, const std::string& where);

/// Serialises with keys in order, lists packed.
Bytes serialise_example(const Example& example);

}  // namespace assemble
