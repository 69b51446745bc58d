// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/stochastic_depth.h"

#include "assemble/core/random.h"

namespace assemble::nn {

torch::Tensor stochastic_depth_mask(const StochasticDepthOptions& options, const StochasticDepthState& state,
                                    int64_t images) {
  const double stays = 1 - options.rate();
  torch::Tensor mask = torch::empty({images, 1, 1, 1});
  float* factors = mask.data_ptr<float>();
  for (int64_t i = 0; i < images; ++i) {
    const uint64_t place = state.places.empty() ? static_cast<uint64_t>(i) : state.places[static_cast<size_t>(i)];
    Random random(state.seed, RandomPurpose::kStochasticDepth, state.step, uint64_t{options.block} << 32 | place);
    factors[i] = random.bernoulli(stays) ? static_cast<float>(1 / stays) : 0.f;
  }
  return mask;
}

torch::Tensor stochastic_depth_masks(const torch::nn::Module& network, const StochasticDepthState& state,
                                     int64_t images) {
  torch::Tensor masks;
  for (const auto& module : network.modules()) {
    const auto* layer = module->as<StochasticDepthImpl>();
    if (layer == nullptr) continue;
    if (!masks.defined()) masks = torch::ones({layer->options.blocks, images});
    masks[layer->options.block].copy_(stochastic_depth_mask(layer->options, state, images).flatten());
  }
  return masks;
}

StochasticDepthImpl::StochasticDepthImpl(const StochasticDepthOptions& depth_options,
                                         std::shared_ptr<const StochasticDepthState> state)
    : options(depth_options), state_(std::move(state)) {}

torch::Tensor StochasticDepthImpl::forward(const torch::Tensor& branch) {
  if (!is_training() || options.rate() == 0) return branch;
  if (state_->masks.defined()) {
    return branch * state_->masks[options.block].view({-1, 1, 1, 1}).to(branch.scalar_type());
  }
  return branch * stochastic_depth_mask(options, *state_, branch.size(0)).to(branch.options());
}

void StochasticDepthImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::StochasticDepth(rate=" << options.rate() << ")";
}

}  // namespace assemble::nn
