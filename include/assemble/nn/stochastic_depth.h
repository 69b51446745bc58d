// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace assemble {

/// What all stochastic-depth layers of a network share: the random key of a pass.
struct StochasticDepthState {
  uint64_t seed = 0;
  uint32_t step = 0;
  std::vector<uint32_t> places;  ///< within the step, of the pass' images; empty: 0, 1, 2, …
  /// The masks of all layers for this pass, drawn beforehand and sent to where the network computes: [blocks, images].
  torch::Tensor masks = {};
};

namespace nn {

/// Stochastic depth of a residual block.
struct StochasticDepthOptions {
  double last_rate = 0;  ///< probability that the last block of the network is dropped, in [0, 1)
  uint32_t block = 0;    ///< number of this one
  uint32_t blocks = 1;   ///< of the network

  /// Rises linearly from 0 at the first block to last_rate at the last, as timm's drop_path_rate.
  double rate() const { return blocks > 1 ? last_rate * block / (blocks - 1) : last_rate; }
};

/// 1 / (1 - rate) for each image whose block stays, 0 for those whose block is dropped: torchvision's mode "row".
/// An image's value depends on the seed, the step, the block and its place in the step alone.
/// @return [images, 1, 1, 1], f32
torch::Tensor stochastic_depth_mask(const StochasticDepthOptions& options, const StochasticDepthState& state,
                                    int64_t images);

/// The masks of a network's layers, row by block: StochasticDepthState::masks, on the CPU.
/// @return undefined for a network without such layers
torch::Tensor stochastic_depth_masks(const torch::nn::Module& network, const StochasticDepthState& state,
                                     int64_t images);

/// Stochastic depth (Huang et al., arXiv 1603.09382): while training, drops the residual branch of a block, image by
/// image, and scales up what stays. Shapes: [N, C, H, W] to the same.
class StochasticDepthImpl : public torch::nn::Module {
 public:
  StochasticDepthImpl(const StochasticDepthOptions& options, std::shared_ptr<const StochasticDepthState> state);
  torch::Tensor forward(const torch::Tensor& branch);
  void pretty_print(std::ostream& stream) const override;

  const StochasticDepthOptions options;

 private:
  std::shared_ptr<const StochasticDepthState> state_;
};
TORCH_MODULE(StochasticDepth);

}  // namespace nn
}  // namespace assemble
