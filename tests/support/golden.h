// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/convert/weight_import.h"
#include "parity.h"
#include "test_support.h"

namespace assemble::test {

/// Folders with a case.json below `folder`, sorted.
inline std::vector<fs::path> golden_cases(const fs::path& folder) {
  std::vector<fs::path> cases;
  if (!fs::is_directory(folder)) return cases;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "case.json")) cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

inline nlohmann::json read_case(const fs::path& folder) {
  return nlohmann::json::parse(std::ifstream(folder / "case.json"));
}

/// The network of a case with the weights of a checkpoint; every variable must find its place.
inline Classifier import_case(const nlohmann::json& options, const fs::path& checkpoint) {
  ImportOptions wanted;
  wanted.arch = Arch::parse(options.at("arch").get<std::string>());
  wanted.image_size = options.at("image_size").get<int64_t>();
  return import_weights(*open_weights(checkpoint), wanted).model;
}

}  // namespace assemble::test
