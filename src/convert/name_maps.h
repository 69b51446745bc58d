// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/convert/tf_names.h"

namespace assemble {

/// As tf_variables(), for the original's tf2.1 branch. Layers of selective kernels and of squeeze and excitation are
/// numbered from none in order of creation: sk_block, sk_block_1, …
std::vector<TfVariable> tf2_variables(const Arch& arch);
/// As tf_variables(), for MobileNetV1 elsewhere. Squeeze and excitation and embeddings do not occur there.
std::vector<TfVariable> slim_variables(const Arch& arch);
std::vector<TfVariable> keras_variables(const Arch& arch);
std::vector<TfVariable> timm_mobilenet_variables(const Arch& arch);

}  // namespace assemble
