// SPDX-License-Identifier: Apache-2.0
// `export --package`: a folder with the network and all that goes with it.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "assemble/core/atomic_folder.h"
#include "assemble/report/package.h"
#include "common/evaluation.h"

namespace assemble::cli {

class PackageOptions {
 public:
  bool wanted = false;

  void declare(CLI::App& app);
  /// Before anything is read.
  /// @throws UsageError for options that contradict each other, and as AtomicFolder
  void prepare(const std::string& out, const EvaluationOptions& evaluation);
  /// Measures the network on the data set of `evaluation` where there is one, and writes the folder.
  /// @param model   what is known of it without the file
  /// @param network the .onnx file
  /// @return what was written, of results
  nlohmann::ordered_json write(PackagedModel model, const std::string& network, const std::string& model_file,
                               const EvaluationOptions& evaluation);
  /// For people, once it is written.
  std::string summary() const;

 private:
  void measure(PackagedModel& model, const fs::path& network, EvaluationOptions evaluation) const;

  std::string name_, data_licence_, figures_;
  int64_t version_ = 1;
  std::string place_;
  std::optional<AtomicFolder> folder_;
};

}  // namespace assemble::cli
