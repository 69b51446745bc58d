// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/convert/naming.h"
#include "assemble/convert/weight_source.h"
#include "assemble/models/arch.h"

namespace assemble {

/// What the names and shapes of a file's tensors say of its network.
struct InferredArch {
  Arch arch;
  /// What the weights cannot show and was therefore assumed, for people.
  std::vector<std::string> assumptions;
};

/// The network of the original implementation whose variables these are: depth from the counts of blocks, version, d,
/// se with its ratio, sk, bl(alpha, beta), emb, flatten and width. Filters (aaN), gem and nodown have no weights: they
/// are assumed to be off.
/// @throws InputError when no network of the arch grammar fits
InferredArch infer_tf_arch(const Shapes& shapes, const std::string& where);

/// The ResNet of torchvision or timm (vanilla, d, se: with the tweak `timm`) or of this library (sk, emb) whose
/// parameters these are. @throws InputError when it is another network
InferredArch infer_torch_arch(const Shapes& shapes, const std::string& where);

/// The network that suits the file's names: one of those above, one of the original's tf2.1 branch, or a MobileNetV1.
InferredArch infer_arch(const WeightSource& source);

/// Classes and, for `flatten`, the side of the input.
struct HeadSize {
  int64_t classes = 0;
  int64_t image_size = 0;  ///< multiple of 32 (16 with nodown); 0 without `flatten`
};

/// @throws InputError when there is no final dense layer, or it does not fit the arch
HeadSize infer_head(const Shapes& shapes, const Arch& arch, Naming naming, const std::string& where);

}  // namespace assemble
