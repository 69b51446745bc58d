// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openvino/openvino.hpp>
#include <string>

#include "assemble/deploy/class_activation.h"

namespace assemble {

/// What follows the last feature map of a network that OpenVINO has read.
struct OpenvinoHead {
  ov::Output<ov::Node> map;     ///< [1, C, H, W]
  ov::Output<ov::Node> logits;  ///< what a softmax at the end is of, where there is one
  Graph graph;                  ///< from one to the other; rounding to 8 bits is left out of it
  ActivationMethod method = ActivationMethod::kGradCam;
};

/// @param model for one image, with one output
/// @param where its file, named in errors
/// @throws InputError naming what stands where a pooled or flattened map and dense layers are expected
OpenvinoHead read_head(const ov::Model& model, const std::string& where);

}  // namespace assemble
