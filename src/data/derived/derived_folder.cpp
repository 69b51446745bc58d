// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/derived_folder.h"

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {
namespace {

fs::path real_path(const fs::path& path) {
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(fs::absolute(path, ignored), ignored);
  // "DIR/" is DIR.
  return real.has_filename() ? real : real.parent_path();
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

void check_outside(const fs::path& output, const fs::path& data) {
  if (lies_in(real_path(output), real_path(data))) {
    throw UsageError(output.string(), "would mix with the data in " + data.string(), "choose a folder outside it");
  }
}

void check_apart(const fs::path& output, const fs::path& data) {
  check_outside(output, data);
  if (lies_in(real_path(data), real_path(output))) {
    throw UsageError(output.string(), concat("holds the data in ", data.string(), " and would mix with it"),
                     "choose a folder beside it");
  }
}

}  // namespace assemble
