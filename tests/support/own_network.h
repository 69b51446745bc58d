// SPDX-License-Identifier: Apache-2.0
// A network that the library does not know, as a user would add it.
#pragma once

#include "assemble/models/registry.h"
#include "assemble/nn/conv_bn.h"

namespace assemble::test {

/// Two convolutions and what the library puts behind them.
class OwnNetworkImpl : public ClassifierImpl {
 public:
  OwnNetworkImpl(const Arch& arch, const ClassifierOptions& options)
      : ClassifierImpl(arch, options),
        first_(register_module("first", layer(3, arch.width, options.bn_momentum))),
        second_(register_module("second", layer(arch.width, 2 * arch.width, options.bn_momentum))) {
    make_head(2 * arch.width, 4);
  }

 protected:
  torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) override {
    const torch::Tensor activations = first_->forward(images);
    if (endpoints) endpoints->emplace_back("own_network/first", activations);
    return second_->forward(activations);
  }

 private:
  static nn::ConvBn layer(int64_t in_channels, int64_t out_channels, double bn_momentum) {
    return nn::ConvBn(
        nn::ConvBnOptions{.conv = {.in_channels = in_channels, .out_channels = out_channels, .kernel = 3, .stride = 2},
                          .bn_momentum = bn_momentum});
  }

  nn::ConvBn first_;
  nn::ConvBn second_;
};

/// Registers it once in a test program, as "own_network".
inline void register_own_network() {
  if (find_network("own_network")) return;
  register_network({.name = "own_network",
                    .description = "two convolutions",
                    .make = build_network<OwnNetworkImpl>,
                    .tweaks = {"gem", "flatten", "emb", "w"},
                    .width = 8,
                    .width_tensor = "first.0.weight"});
}

}  // namespace assemble::test
