// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/label_file.h"

namespace assemble {

/// What makes images of one group, which no split cuts.
enum class Together {
  kFolder,      ///< they lie in one folder
  kName,        ///< SplitOptions::name_pattern finds the same in their file names, whatever their classes
  kDuplicates,  ///< they are the same or nearly, as check_dataset() finds them
};
inline constexpr auto kTogether = choices<Together>(
    "together", {{Together::kFolder, "folder"}, {Together::kName, "name"}, {Together::kDuplicates, "duplicates"}});

struct SplitOptions {
  double validation = 0.1;  ///< share of each class, 0 … 1
  double test = 0;
  uint64_t seed = 0;
  std::vector<Together> together = {};  ///< empty: each image by itself; several: what any of them joins
  /// ECMAScript regular expression. Its first group, or all that it matches where it has none, is what the images of a
  /// group share: "patient([0-9]+)".
  std::string name_pattern = {};
  int threads = 0;  ///< that look for duplicates; 0: every core
};

/// Which image comes into which split.
struct SplitPlan {
  std::vector<std::string> classes;
  bool several = false;                        ///< any number of classes may be right for an image
  std::vector<LabelRow> rows;                  ///< every image, in the data set's order, its path below images_root()
  std::vector<std::array<int64_t, 3>> counts;  ///< images of each class in training, validation and test
  int64_t groups = 0;                          ///< of two images or more
};

/// Splits the images of each class, which are in no split yet; all together where any number of classes may be right.
/// Of n images round(n · share) are drawn, at least one, by a hash of seed and path: the order of the files and other
/// classes do not matter, and few images change their split when some are added. Training keeps one group of every
/// class; validation has one of every class of two groups or more, test of three or more. A group counts for the class
/// of most of its images.
/// @param data as given to open_splits(), from which `splits` are
/// @throws UsageError for shares of 1 or more in all or none at all, a pattern that is none, images that are in splits,
///         have no classes or are no files of their own, and where nothing could be drawn
/// @throws InputError for a file name in which the pattern is not found
SplitPlan plan_split(const fs::path& data, const std::vector<OpenSplit>& splits, const SplitOptions& options);

/// Puts the files into a folder of folders: SPLIT/CLASS/… It goes on where it was interrupted.
/// @throws UsageError when the folder is of something else, lies in the data or around it; InputError for a class that
///         no folder can be named after; RunError when it cannot be written
CopiedFiles copy_split(const fs::path& data, const SplitPlan& plan, const fs::path& output, CopyMethod method);

/// Whether a data set is what plan_split() takes: images of no split, with classes, in files of their own.
/// @param splits of open_splits()
bool can_be_split(const std::vector<OpenSplit>& splits);

/// One split of a plan, with the classes of training.
std::unique_ptr<Dataset> open_planned(const fs::path& data, const SplitPlan& plan, Split split);

}  // namespace assemble
