// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"

namespace assemble {

/// What came of making a set of corrupted images or perturbed sequences.
struct DerivedReport {
  int64_t written = 0;                  ///< files, or sequences
  int64_t kept = 0;                     ///< those that were there already
  std::vector<std::string> unreadable;  ///< what was wrong with the images left out
};

/// How files come into a folder.
enum class CopyMethod { kCopy, kHardLink, kSymbolicLink };
inline constexpr auto kCopyMethods = choices<CopyMethod>(
    "copy method",
    {{CopyMethod::kCopy, "copy"}, {CopyMethod::kHardLink, "hard-link"}, {CopyMethod::kSymbolicLink, "link"}});

/// What came of filling a folder with files.
struct CopiedFiles {
  int64_t copied = 0;
  int64_t kept = 0;  ///< were there already
};

/// To be called before results are written: they may not lie in the data they are made of, links followed, or they
/// would be taken for data the next time.
/// @throws UsageError when `output` is `data` or lies in it
void check_outside(const fs::path& output, const fs::path& data);

/// The same for results that are data themselves: neither may lie in the other.
/// @throws UsageError when one lies in the other
void check_apart(const fs::path& output, const fs::path& data);

}  // namespace assemble
