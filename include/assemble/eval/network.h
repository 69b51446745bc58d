// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>

#include "assemble/models/classifier.h"
#include "assemble/models/loss_type.h"
#include "assemble/models/model_file.h"
#include "assemble/nn/autocast.h"

namespace assemble {

/// Whatever computes logits [N, classes], f32 on the CPU, from images [N, 3, H, W] on the CPU: a network of LibTorch or
/// a deployed one.
using Network = std::function<torch::Tensor(const torch::Tensor& images)>;

/// What a network's logits mean, and what the network is called in errors.
struct Outputs {
  int64_t classes = 0;
  LossType loss = LossType::kSoftmax;
  std::string network = "the network";
};

/// @param file the model's
Outputs outputs_of(const ModelCard& card, const std::string& file);

/// A class picked from logits that are not finite would mean nothing.
/// @param values [N, …], logits or embeddings
/// @param network its name, and `name_of` gives that of the image a row belongs to, both for the error
/// @throws RunError naming the first image whose values are not finite
void require_finite(const torch::Tensor& values, const std::string& network,
                    const std::function<std::string(int64_t)>& name_of);

/// A network in evaluation mode on a device. It is moved there and stays in that mode.
Network make_network(const Classifier& model, torch::Device device, Precision precision);

}  // namespace assemble
