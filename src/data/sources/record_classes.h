// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Class names of records without a dataset.json or classes.txt, from what they hold.
///
/// ImageNet's, as the original wrote them, name the synset of each record: where those of a sample are at the place of
/// their label, from 1 (behind a "background") or from 0, the classes are the 1,000 synsets. Of other
/// records each is read: the names are their image/class/text, where each class has one of its own, else the numbers 0,
/// 1, 2 … up to the largest label. The log says what was taken.
/// @throws InputError for records that have no label, or one out of range
std::vector<std::string> record_classes(const std::vector<fs::path>& shards);

}  // namespace assemble
