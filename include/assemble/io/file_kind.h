// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// Kinds of files with networks or weights that can be read here, and what else a file may turn out to be.
enum class FileKind {
  kUnknown,
  kSafetensors,
  kSafetensorsIndex,  ///< model.safetensors.index.json: which of several files has which tensor
  kTorch,             ///< torch.save's, also TorchScript's
  kTensorFlow,        ///< the index of a checkpoint
  kOnnx,
  kOther,  ///< recognised, but not readable here
};

/// What a file is, told from its content alone.
struct FileContent {
  FileKind kind = FileKind::kUnknown;
  std::string what;  ///< "a Git LFS pointer"; empty for kUnknown
  std::string hint;  ///< what to do about it
};

/// @throws InputError when it cannot be read
FileContent identify_file(const fs::path& path);

/// Refuses a file whose content is recognised as something else than `wanted`, before a reader stumbles over it.
/// @param expected for the message: "a safetensors file"
/// @return `wanted`, or kUnknown
/// @throws InputError saying what the file really is
FileKind refuse_other_kinds(const fs::path& path, FileKind wanted, const std::string& expected);

}  // namespace assemble
