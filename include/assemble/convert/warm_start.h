// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// What a network got of a file.
struct WarmStart {
  size_t taken = 0;                ///< tensors
  std::vector<std::string> fresh;  ///< of the network, by its own names: these keep their initial values
  std::vector<std::string> left;   ///< of the file, by its names: heads that do not fit
  std::vector<std::string> notes;  ///< what else the user should know

  /// "318 tensors; new: fc.weight, fc.bias; left in the file: …"
  std::string text() const;
};

/// Starts a network from the weights of another one: from a model file, or from any file of open_weights().
///
/// The final dense layer is new unless it is to be kept. Pooling, embedding, classes, the last stage's stride, filters
/// (aaN) and DropBlock may differ, as they do in the original, which restores all variables but the dense ones: an
/// embedding is taken over where name and shape fit, which it is not in the original. All else must be the same
/// network.
/// @param averages the file's averaged weights in place of its last ones
/// @param keeps_classifier the final dense layer is taken over, too
/// @throws InputError when the rest differs, or the final dense layer that is to be kept, with the names that do not
/// fit and both arch strings as far as they are
///         known, and for weights that are not finite; as open_weights()
WarmStart warm_start(ClassifierImpl& model, const fs::path& path, bool averages = false, bool keeps_classifier = false);

}  // namespace assemble
