// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/eval/network.h"
#include "assemble/models/classifier.h"
#include "assemble/nn/autocast.h"

namespace assemble {

/// @name LibTorch's networks, for the measures of the runtime half
/// @{

/// A network on a device, to which it is moved. It computes in evaluation mode; its mode is put back after each call.
Network make_network(const Classifier& model, torch::Device device, Precision precision);
/// The same for a network that others own and that is on the device already.
Network borrow_network(ClassifierImpl& model, torch::Device device, Precision precision);
/// Gives embeddings (ClassifierImpl::embed) in place of logits.
Network borrow_embedder(ClassifierImpl& model, torch::Device device, Precision precision);
/// @}

}  // namespace assemble
