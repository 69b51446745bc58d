// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/models/classifier.h"
#include "assemble/convert/weight_source.h"

namespace assemble {

struct ImportOptions {
  std::optional<Arch> arch{};  ///< inferred from names and shapes when not given
  bool strict = true;          ///< missing, unexpected or mis-shaped names are errors
  bool averages = false;       ///< TensorFlow: take X/ExponentialMovingAverage for X where it exists
  int64_t image_size = 0;      ///< `flatten` networks: side of the input; 0: the least that fits
};

/// What an import found; names as in the file.
struct ImportReport {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> misshaped;  ///< with both shapes
  std::vector<std::string> notes;      ///< assumptions, and what was recognised and set aside
  size_t loaded = 0;                   ///< tensors
  std::optional<int64_t> global_step;  ///< of a TensorFlow checkpoint
};

struct ImportedModel {
  Classifier model;  ///< in evaluation mode
  ImportReport report;
};

/// Builds the network of a foreign file and loads its weights: the original's TensorFlow checkpoints (any resnet arch,
/// see tf_variables()), and files with this library's names, which are torchvision's and timm's for vanilla, `d` and
/// `se` ResNets.
///
/// Set aside and reported: the global step, slots of optimizers (X/Momentum …), moving averages, counters of batch
/// norm. Biases of squeeze and excitation that the network lacks may be there when they are all zero, and the reverse.
/// Without `strict`, what does not fit keeps its initial value.
/// @throws InputError when the arch cannot be told, or names do not fit (listed) and `strict` is on
ImportedModel import_weights(const WeightSource& source, const ImportOptions& options);

}  // namespace assemble
