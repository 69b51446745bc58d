// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/network.h"

namespace assemble {

Network make_network(const Classifier& model, torch::Device device, Precision precision) {
  model->to(device);
  model->eval();
  return [model, device, precision](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    const AutocastGuard autocast(device, precision);
    return model->forward(images.to(device)).to(torch::kCPU, torch::kFloat);
  };
}

}  // namespace assemble
