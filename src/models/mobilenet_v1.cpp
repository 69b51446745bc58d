// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/mobilenet_v1.h"

#include <torch/nn/modules/container/modulelist.h>

#include <array>

#include "assemble/core/error.h"

namespace assemble {
namespace {

struct Unit {
  int64_t width;  ///< output channels as a multiple of the stem's
  int64_t stride;
};

// Table 1 of the paper.
constexpr std::array<Unit, 13> kUnits{
    {{2, 1}, {4, 2}, {4, 1}, {8, 2}, {8, 1}, {16, 2}, {16, 1}, {16, 1}, {16, 1}, {16, 1}, {16, 1}, {32, 2}, {32, 1}}};

constexpr double kSlimEpsilon = 1e-3;

}  // namespace

MobileNetV1Impl::MobileNetV1Impl(const Arch& arch, const ClassifierOptions& options) : ClassifierImpl(arch, options) {
  const double epsilon = arch_.slim ? kSlimEpsilon : nn::kBatchNormEpsilon;
  conv1_ = register_module(
      "conv1",
      nn::Conv(nn::ConvOptions{
          .in_channels = 3, .out_channels = arch_.width, .kernel = 3, .stride = 2, .same_padding = arch_.slim}));
  bn1_ = register_module("bn1", nn::make_batch_norm(arch_.width, options_.bn_momentum, /*zero_gamma=*/false, epsilon));
  torch::nn::ModuleList list = register_module("units", torch::nn::ModuleList());
  int64_t channels = arch_.width;
  int64_t reduction = 2;
  uint32_t layer = 0;
  for (const Unit& unit : kUnits) {
    reduction *= unit.stride;
    nn::DepthwiseSeparableOptions unit_options{.in_channels = channels,
                                               .out_channels = unit.width * arch_.width,
                                               .stride = unit.stride,
                                               .se_ratio = arch_.se_ratio,
                                               .bn_momentum = options_.bn_momentum,
                                               .bn_epsilon = epsilon,
                                               .same_padding = arch_.slim,
                                               .relu6 = has_relu6()};
    if (reduction >= 16) {
      unit_options.drop_block = drop_block(reduction == 16 ? 0.25 : 1.0, layer);
      layer += nn::DepthwiseSeparableImpl::kDropBlockLayers;
    }
    units_.emplace_back(unit_options);
    list->push_back(units_.back());
    channels = unit_options.out_channels;
  }
  make_head(channels, reduction);
}

int MobileNetV1Impl::stage_of(const std::string& name) const {
  constexpr std::string_view kUnit = "units.";
  if (!name.starts_with(kUnit)) return 0;
  const int last = std::stoi(name.substr(kUnit.size()));
  int stage = 0;
  for (int i = 0; i <= last; ++i) stage += kUnits.at(static_cast<size_t>(i)).stride == 2 ? 1 : 0;
  return stage;
}

torch::Tensor MobileNetV1Impl::stages(const torch::Tensor& images, Endpoints* endpoints) {
  const auto keep = [&](const std::string& name, const torch::Tensor& activations) {
    if (endpoints) endpoints->emplace_back("mobilenet_v1/" + name, activations);
  };
  torch::Tensor activations = conv1_->forward(images);
  keep("initial_conv", activations);
  activations = bn1_->forward(activations, has_relu6() ? nn::Activation::kRelu6 : nn::Activation::kRelu);
  for (size_t i = 0; i < units_.size(); ++i) {
    activations = units_[i]->forward(activations);
    keep(concat("units/", i), activations);
  }
  return activations;
}

}  // namespace assemble
