// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <functional>

#include "assemble/models/classifier.h"
#include "assemble/nn/autocast.h"

namespace assemble {

/// Whatever computes logits [N, classes], f32 on the CPU, from images [N, 3, H, W] on the CPU: a network of LibTorch or
/// a deployed one.
using Network = std::function<torch::Tensor(const torch::Tensor& images)>;

/// A network in evaluation mode on a device. It is moved there and stays in that mode.
Network make_network(const Classifier& model, torch::Device device, Precision precision);

}  // namespace assemble
