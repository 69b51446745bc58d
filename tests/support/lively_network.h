// SPDX-License-Identifier: Apache-2.0
// Networks as after training: batch norms have statistics, and residual branches are smaller than what they are added
// to, so that rounding does not grow from block to block.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "assemble/models/classifier.h"

namespace assemble {

inline Classifier lively_network(const std::string& arch, int64_t classes, int64_t image_size,
                                 double cosine_scale = 0) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Classifier model = make_classifier(
      Arch::parse(arch), {.classes = classes, .bn_momentum = 0, .cosine_scale = cosine_scale, .image_size = image_size},
      3);
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

struct NetworkCase {
  const char* arch;
  int64_t size;  ///< of the images, pixels
};
inline void PrintTo(const NetworkCase& network, std::ostream* stream) {
  *stream << network.arch << " at " << network.size;
}

/// Networks that use every tweak between them.
inline std::vector<NetworkCase> every_kind_of_network() {
  return {{"resnet50+w8", 64},
          {"resnet50+d+w8", 63},
          {"resnet50+d+se+w8", 64},
          {"resnet50+eca+w8", 64},
          {"resnet50+sk+w8", 64},
          {"resnet50+bl+sk+aa3+w8", 64},
          {"resnet50+bl+d+sk+aa3+w8", 64},
          {"resnet50+aa5(proj,sconv)+gem+w8", 64},
          {"resnet50+aa1+w8", 64},
          {"resnet50+flatten+emb16+nodown+w8", 64},
          {"resnet50+d+se+timm+w8", 65},
          {"resnet50+timm+w8", 64},
          {"resnet101+bl(1,2)+sk+aa3+w8", 64},
          {"resnet50+d+bl+sk+aa3+w8+tf2", 64},
          {"resnet50+d+w8+tf2", 64},
          {"mobilenet_v1+se2+w8", 64},
          {"mobilenet_v1+w8+slim", 64},
          {"mobilenet_v1+w8+timm", 64}};
}

}  // namespace assemble
