// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/network.h"

#include "assemble/nn/eval_mode.h"
#include "assemble/trace/arrays.h"

namespace assemble {
namespace {

using Forward = torch::Tensor (ClassifierImpl::*)(const torch::Tensor&);

Network borrow(ClassifierImpl& model, torch::Device device, Precision precision, Forward forward) {
  return [&model, device, precision, forward](const Images& images) {
    const torch::NoGradGuard no_grad;
    const nn::EvalMode evaluating(model);
    const AutocastGuard autocast(device, precision);
    return to_matrix((model.*forward)(to_tensor(images).to(device)));
  };
}

}  // namespace

Network borrow_network(ClassifierImpl& model, torch::Device device, Precision precision) {
  return borrow(model, device, precision, &ClassifierImpl::forward);
}

Network borrow_embedder(ClassifierImpl& model, torch::Device device, Precision precision) {
  return borrow(model, device, precision, &ClassifierImpl::embed);
}

Network make_network(const Classifier& model, torch::Device device, Precision precision) {
  model->to(device);
  return [model, network = borrow_network(*model, device, precision)](const Images& images) { return network(images); };
}

}  // namespace assemble
