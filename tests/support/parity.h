// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace assemble::test {

/// Adds a line to the file that the environment variable ASSEMBLE_PARITY names, if any: how docs/results/parity.csv is
/// made.
inline void log_parity(const std::string& kind, const std::string& name, const std::string& quantity, double value,
                       double limit) {
  const char* path = std::getenv("ASSEMBLE_PARITY");
  if (path == nullptr) return;
  char line[256];
  std::snprintf(line, sizeof(line), "%s,%s,%s,%.2e,%.0e\n", kind.c_str(), name.c_str(), quantity.c_str(), value, limit);
  std::ofstream(path, std::ios::app) << line;
}

}  // namespace assemble::test
