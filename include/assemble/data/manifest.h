// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// A file of TFRecords.
struct ShardSummary {
  std::string file;
  int64_t images = 0;
  uint64_t bytes = 0;
  uint32_t crc32c = 0;  ///< of the whole file
};

/// One split.
struct SplitManifest {
  int64_t images = 0;
  int64_t skipped = 0;  ///< files that could not be read
  std::vector<ShardSummary> shards;
};

/// dataset.json beside TFRecords: what they hold. Training takes the classes from it.
struct Manifest {
  std::string name;
  uint64_t seed = 0;
  std::vector<std::string> class_names;
  SplitManifest train;
  SplitManifest validation;
  /// The first of class_names are the training split's, and the outputs of a network trained on it; 0: all are, as in
  /// every set but zero-shot ones.
  int64_t training_classes = 0;
  std::string fingerprint = {};  ///< of images and options; empty in sets of earlier versions

  static constexpr const char* kFile = "dataset.json";

  std::string to_json() const;
  /// @throws InputError on a missing or wrong key
  static Manifest from_json(const std::string& text, const std::string& where);
};

/// The manifest of a folder; nothing when there is none. @throws InputError when it is damaged
std::optional<Manifest> read_manifest(const fs::path& directory);

/// Counts and checksum of a shard as it lies there. @throws InputError when it is damaged
ShardSummary summarise_shard(const fs::path& shard);

/// Compares every shard with the manifest. @return one line a difference
std::vector<std::string> verify_manifest(const fs::path& directory, const Manifest& manifest);

}  // namespace assemble
