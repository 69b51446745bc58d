// SPDX-License-Identifier: Apache-2.0
// Networks whose batch norms have statistics as after training, so that no activation is all zero.
#pragma once

#include <string>

#include "assemble/models/classifier.h"

namespace assemble {

inline Classifier lively_network(const std::string& arch, int64_t classes, int64_t image_size) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Classifier model =
      make_classifier(Arch::parse(arch), {.classes = classes, .bn_momentum = 0, .image_size = image_size}, 3);
  for (const auto& module : model->modules()) {
    if (auto* bn = module->as<torch::nn::BatchNorm2d>()) {
      bn->weight.uniform_(0.5, 1.5);
      bn->bias.uniform_(-0.2, 0.2);
    }
  }
  model->train();
  model->forward(torch::randn({8, 3, image_size, image_size}));
  model->eval();
  return model;
}

}  // namespace assemble
