// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "assemble/core/ranks.h"
#include "assemble/data/dataset.h"
#include "assemble/eval/flat_answers.h"
#include "assemble/eval/network.h"
#include "assemble/eval/stored_logits.h"
#include "assemble/image/preprocess.h"

namespace assemble {

struct TeachOptions {
  Preprocessing preprocessing;  ///< the teacher's, for evaluation
  int64_t batch_size = 64;
  int shards = 0;          ///< files of the split; 0: one for every 1024 images
  int loader_threads = 0;  ///< 0: every core
  int64_t max_broken = 100;
  Ranks ranks;  ///< processes that share the shards: every world-th is this one's
};

/// What was done to one split, by this process.
struct TeachReport {
  int64_t images = 0;   ///< written or kept, all its shards together
  int64_t broken = 0;   ///< unreadable: left out, each is logged
  int64_t correct = 0;  ///< images whose label has the teacher's largest logit
  int shards = 0;       ///< of the split, all processes together
  int kept_shards = 0;  ///< found finished and right, and left as they are
};

/// Stores a teacher's logits with the examples of a split, as distillation reads them (train --kd-temperature):
/// TFRecords SPLIT-00000-of-0000N in the data set's order, each the example as it was with all its features and
/// 'image/logit', one float a class. Images that cannot be decoded are left out.
///
/// Shards appear whole or not at all. One that is there already is compared with the data set and kept when it holds
/// the same examples with logits; otherwise it is written again. A shard depends on the data set, the teacher, the
/// number of shards and the batch size alone, not on threads, processes or on what was interrupted.
///
/// A warning says when the first batch's answers mean nothing (see flat_answers()).
///
/// Memory: the loader's (4 batches of pixels), a batch of logits and one example.
/// @param stop asked for between batches
/// @throws UsageError for options out of range, InputError when the teacher's classes are not as many as the data
///         set's or more than max_broken images are broken, RunError when the output cannot be written, the teacher
///         gives values that are not finite, or it was stopped
TeachReport teach(const Dataset& dataset, Split split, const Network& teacher, const fs::path& output,
                  const TeachOptions& options, const std::stop_token& stop = {});

/// The same with logits from a file, by the images' file names. Nothing is decoded, but images that the file lacks:
/// those that cannot be read are left out, another one is an error.
/// @param logits must have the data set's classes in their order
/// @throws InputError also for an image without logits, and for two images that the file has one name for
TeachReport teach(const Dataset& dataset, Split split, StoredLogits& logits, const fs::path& output,
                  const TeachOptions& options, const std::stop_token& stop = {});

/// Prepares the folder that teach() writes to: creates it, and records in teacher.json whose logits it holds.
/// @param identity what decides the logits; a folder that holds another teacher's is refused
/// @throws UsageError for such a folder, or for one with TFRecords that teach() did not write; RunError when it cannot
///         be written
void prepare_teacher_folder(const fs::path& output, const nlohmann::ordered_json& identity);

}  // namespace assemble
