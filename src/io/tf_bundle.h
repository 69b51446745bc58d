// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <protozero/types.hpp>
#include <string>
#include <vector>

#include "assemble/io/tf_checkpoint.h"

namespace assemble::tf_bundle {

/// Field numbers, of tensorflow/core/protobuf/tensor_bundle.proto and what it imports.
enum : protozero::pbf_tag_type {
  kHeaderShards = 1,
  kHeaderEndianness = 2,
  kHeaderVersion = 3,
  kVersionProducer = 1,
  kVersionMinConsumer = 2,
  kEntryType = 1,
  kEntryShape = 2,
  kEntryShard = 3,
  kEntryOffset = 4,
  kEntrySize = 5,
  kEntryCrc = 6,
  kEntrySlices = 7,
  kShapeDim = 2,
  kShapeUnknownRank = 3,
  kDimSize = 1,
};

/// Version of the format that this program reads and writes.
constexpr int32_t kVersion = 1;

/// PREFIX.data-00000-of-00001
fs::path data_path(const fs::path& prefix, int32_t shard, int32_t count);
fs::path index_path(const fs::path& prefix);

/// The prefix that a user's path means, see TfCheckpoint. @throws InputError when there is no checkpoint
fs::path find_prefix(const fs::path& path);

}  // namespace assemble::tf_bundle
