// SPDX-License-Identifier: Apache-2.0
// The one place that tells splits from names: of folders, of folders within archives, and of files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/data/dataset.h"

namespace assemble {

/// Whether the classes of a split are those of training, where that is there.
bool has_training_classes(const std::optional<Split>& split, ClassRule rule);

/// What names say. Test images are taken for validation where no others are.
enum class SplitName { kTrain, kValidation, kTest };

Split split_of(SplitName name);

/// A part of a data set with the name by which it says its split.
struct NamedSplit {
  std::string name;
  SplitName split;
};

/// The split that a whole name stands for, in any case: train, training; validation, val, valid; test, testing.
std::optional<SplitName> split_called(std::string_view name);

/// The part of a file's name that says its split: "train" of "set-train-00.tar", nothing of "latest.tar" or
/// "train_val.tar". Digits behind it do not count ("val2017").
std::optional<NamedSplit> split_in_file_name(const std::string& file);

/// The part to take as a split; nothing when there is none. Says it when test images are taken for validation or left
/// beside it.
/// @param names each once
/// @throws InputError when two names stand for the split
std::optional<std::string> choose_split(Split split, const std::vector<NamedSplit>& names, const std::string& where);

/// What to take when it does not matter what: the validation split, else the training split.
/// @param split the one asked for; nothing: any
std::optional<std::string> choose_any(const std::optional<Split>& split, const std::vector<NamedSplit>& names,
                                      const std::string& where);

/// What lies in a folder, of a disk or an archive.
struct Level {
  std::vector<std::string> folders;
  bool images = false;  ///< in the folder itself
};

/// Where the splits lie.
struct SplitFolders {
  std::vector<std::string> base;  ///< single folders around the splits, or around the classes when there are no splits
  std::vector<NamedSplit> splits;
};

/// Looks for the splits' folders from the top. A folder named like a split is one when class folders lie in it or only
/// splits beside it, else a class of that name.
/// @param look tells what lies under a path
/// @param labelled images have labels of their own, and a split needs no class folders
/// @throws InputError when a folder can be read as a split and as one around splits
SplitFolders find_splits(const std::function<Level(const std::vector<std::string>&)>& look, bool labelled,
                         const std::string& where);

}  // namespace assemble
