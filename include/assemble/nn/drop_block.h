// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace assemble {

/// What all DropBlock layers of a network share: the schedule's current keep probability and the random key, so that a
/// mask is a pure function of (seed, step, layer).
struct DropBlockState {
  double keep_probability = 1.0;  ///< in (0, 1]; 1: the layers pass their input through
  uint64_t seed = 0;
  uint32_t step = 0;
  /// keep_probability as a scalar where the network computes. Defined, masks are drawn there by the device's default
  /// generator, which whoever sets `step` seeds: nothing is waited for, and a recorded step draws anew.
  torch::Tensor keep = {};
};

namespace nn {

/// Options of DropBlock.
struct DropBlockOptions {
  int64_t block_size = 7;    ///< side of a dropped square; clipped to the smaller side of the activations
  double gamma_scale = 1.0;  ///< scales the rate of squares; the original has 0.25 in stage 3 and 1 in stage 4
  uint32_t layer = 0;        ///< number of the layer within its network, part of the random key
};

/// DropBlock: drops whole squares of a channel (Ghiasi, Lin & Le, arXiv 1810.12890).
///
/// While training and keep_probability < 1, centres of squares are drawn where a whole square fits, each with rate
///   gamma = gamma_scale · (1 - keep_probability) / block² · (H · W) / ((H - block + 1) · (W - block + 1)),
/// and y = x · mask · numel(mask) / sum(mask). One mask [1, C, H, W] serves the whole batch, as in the original.
/// Shapes: [N, C, H, W] to the same.
class DropBlockImpl : public torch::nn::Module {
 public:
  DropBlockImpl(const DropBlockOptions& options, std::shared_ptr<const DropBlockState> state);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const DropBlockOptions options;

 private:
  std::shared_ptr<const DropBlockState> state_;
};
TORCH_MODULE(DropBlock);

/// The mask of one DropBlock layer, scaled by numel / sum; [1, channels, height, width] in channels_last memory, f32.
torch::Tensor drop_block_mask(const DropBlockOptions& options, const DropBlockState& state, int64_t channels,
                              int64_t height, int64_t width);

/// The same from centres [1, channels, rows, columns] that are drawn: 1 where a whole square of side `block` begins.
/// @return [1, channels, rows + block - 1, columns + block - 1], where the centres are
torch::Tensor drop_squares(const torch::Tensor& centres, int64_t block);

}  // namespace nn
}  // namespace assemble
