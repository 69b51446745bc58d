// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// Whose names, and network, the exported weights are for.
enum class ExportTarget { kTensorFlow, kTorchvision, kTimm };
inline constexpr auto kExportTargets = choices<ExportTarget>("target", {{ExportTarget::kTensorFlow, "tensorflow"},
                                                                        {ExportTarget::kTorchvision, "torchvision"},
                                                                        {ExportTarget::kTimm, "timm"}});

struct ExportOptions {
  bool strict = true;       ///< refuse when the target's network would compute other numbers with these weights
  int64_t global_step = 0;  ///< TensorFlow
};

/// Writes weights for another program.
///
/// TensorFlow: a V2 checkpoint with the variables of the original and a global step; `path` is its prefix. The folder's
/// file `checkpoint` is written where there is none, so that the folder can be given in its place.
/// torchvision (vanilla ResNets) and timm (also `d` and `se`): a state dictionary, as safetensors or, when the path
/// ends in .pth or .pt, as torch.save writes it.
/// @return what the user should know, such as what was left out
/// @throws UsageError when the target has no such network, or (strict) one that computes other numbers
std::vector<std::string> export_weights(const fs::path& path, const ClassifierImpl& model, ExportTarget target,
                                        const ExportOptions& options);

}  // namespace assemble
