// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/dataset.h"
#include "assemble/data/derived_folder.h"
#include "common/subcommand.h"

namespace assemble::cli {

/// What `corrupt` and `perturb` share: images of anything in, a set of other images out, which a later run goes on
/// with.
class DerivedSetCommand : public Subcommand {
 public:
  using Subcommand::Subcommand;
  void run() override;

 protected:
  /// Declares --data, --out and --split.
  void declare_paths(CLI::App& app, const std::string& layout);
  /// @param split "train", "validation" or "auto", for the set's record
  virtual DerivedReport make(const Dataset& dataset, const std::string& out, const std::string& split) = 0;

 private:
  std::string data_;
  std::string out_;
  std::optional<Split> split_;
  RecordFiles files_;
};

}  // namespace assemble::cli
