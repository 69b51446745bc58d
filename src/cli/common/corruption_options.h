// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "assemble/image/corruptions.h"

namespace assemble::cli {

/// --set and --corruptions: which corruptions a command makes.
struct CorruptionOptions {
  CorruptionSet set = CorruptionSet::kC;
  std::vector<std::string> named;  ///< of the set; empty: all of it

  void declare(CLI::App& app);
  /// @throws UsageError for an unknown name, and for one of another set
  const std::vector<std::string>& chosen() const;
};

}  // namespace assemble::cli
