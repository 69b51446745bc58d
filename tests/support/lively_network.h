// SPDX-License-Identifier: Apache-2.0
// Networks as after training: batch norms have statistics, and residual branches are smaller than what they are added to,
// so that rounding does not grow from block to block.
#pragma once

#include <string>

#include "assemble/models/classifier.h"

namespace assemble {

inline Classifier lively_network(const std::string& arch, int64_t classes, int64_t image_size) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Classifier model =
      make_classifier(Arch::parse(arch), {.classes = classes, .bn_momentum = 0, .image_size = image_size}, 3);
  for (const auto& item : model->named_modules()) {
    auto* bn = item.value()->as<torch::nn::BatchNorm2d>();
    if (!bn) continue;
    const double scale = item.key().ends_with("bn3") ? 0.2 : 1.0;
    bn->weight.uniform_(0.5 * scale, 1.5 * scale);
    bn->bias.uniform_(-0.2, 0.2);
  }
  model->train();
  model->forward(torch::randn({8, 3, image_size, image_size}));
  model->eval();
  return model;
}

}  // namespace assemble
