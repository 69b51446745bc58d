// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// @file
/// Stored sets: corrupted images, DIR/CORRUPTION/SEVERITY/CLASS/IMAGE, and sequences, DIR/KIND/…/NAME.mp4 or
/// DIR/KIND/…/NAME/FRAME.png. As published, the folders may lie in those of the archives they came in: blur, digital,
/// extra, noise, weather.

/// What a folder's layout says it is.
enum class Reading {
  kClean,   ///< no stored set: images to make one of
  kStored,  ///< a stored set
  kUnclear  ///< some folders are those of a stored set, others hold images as classes do
};

/// A folder's name alone says little: classes are named fog, snow or noise too. A corruption's folder holds nothing but
/// folders of severities, 1 … 5, whose images lie in folders of classes. A set with a record (kCorruptSetManifest) is
/// stored.
/// @throws InputError when a folder cannot be listed
Reading read_as_corrupted(const fs::path& directory);

/// A kind's folder holds videos, or folders with as many images as a sequence of its kind has frames, or images two
/// folders down. A set with a record (kPerturbSetManifest) is stored.
/// @throws InputError when a folder cannot be listed
Reading read_as_sequences(const fs::path& directory);

/// Folder of a corruption or kind in a stored set: DIR/NAME, or DIR/ARCHIVE/NAME; DIR/NAME when there is neither.
/// @throws InputError when there are several
fs::path part_folder(const fs::path& directory, const std::string& name);

}  // namespace assemble
