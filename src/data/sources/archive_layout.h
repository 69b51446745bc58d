// SPDX-License-Identifier: Apache-2.0
// How images lie in zip and tar files: splits and classes as in folders.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sources/splits.h"

namespace assemble {

/// The folders of an archive.
class ArchiveLayout {
 public:
  /// @param images paths of the images, without debris
  /// @param labelled they have labels of their own
  /// @throws InputError for folders that can be read in two ways
  ArchiveLayout(const std::vector<std::string>& images, bool labelled, const std::string& where);

  /// The split's folder to take, as it is named; empty: everything.
  /// @throws InputError when there is none, or the archive would serve as training and validation at once
  std::string choose(const ArchivePart& part, const std::string& where) const;
  /// The folder of training images; nothing when there is none.
  std::optional<std::string> training(const std::string& where) const;

  /// The class folder of a path, empty when it lies in none; nothing when the path is not of the split.
  std::optional<std::string> class_of(const std::string& path, const std::string& split) const;

 private:
  SplitFolders found_;
};

}  // namespace assemble
