// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include "assemble/nn/bottleneck.h"
#include "assemble/nn/conv_bn.h"

namespace assemble::nn {

/// The pooling of big-little's shortcuts, which a 1×1 convolution at stride 1 follows: at stride 2 the average of 3×3
/// over a border of one zero, which counts; at stride 1 nothing.
/// Shapes: [N, C, H, W] to [N, C, ceil(H / stride), ceil(W / stride)].
torch::Tensor big_little_shortcut_pool(const torch::Tensor& input, int64_t stride);

/// Nearest neighbours: [N, C, H, W] to [N, C, 2H, 2W], the size of the little branch.
torch::Tensor big_little_upsample(const torch::Tensor& big);

/// Options of BigLittleStem.
struct BigLittleStemOptions {
  int64_t channels = 64;  ///< of input and output
  int64_t alpha = 2;      ///< width divisor of the little branch
  double bn_momentum = 0.997;
};

/// What takes the place of the max pooling in a big-little network (Chen et al., arXiv 1807.03848):
///   big = BN(3×3/2), little = BN(1×1(relu(BN(3×3/2(relu(BN(3×3(x)))))))) at channels / alpha,
///   y = relu(BN(1×1(relu(big + little)))).
/// Shapes: [N, C, H, W] to [N, C, ceil(H / 2), ceil(W / 2)]. Parameters: big, little.0, little.1, little.2, merge.
class BigLittleStemImpl : public torch::nn::Module {
 public:
  explicit BigLittleStemImpl(const BigLittleStemOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const BigLittleStemOptions options;

 private:
  ConvBn big_{nullptr};
  torch::nn::Sequential little_{nullptr};
  ConvBn merge_{nullptr};
};
TORCH_MODULE(BigLittleStem);

/// Options of BigLittleStage.
struct BigLittleStageOptions {
  BottleneckOptions block;  ///< in_channels, filters f and the tweaks; stride and shortcut are set by the stage
  ShortcutKind shortcut = ShortcutKind::kBigLittle;  ///< of every first block
  int64_t blocks = 3;                                ///< n, at least 2
  int64_t alpha = 2;                                 ///< width divisor of the little branch
  int64_t beta = 4;                                  ///< depth divisor of the little branch
  int64_t merge_stride = 2;                          ///< of the block after the merge
};

/// Residual blocks of a stage, the little branch's included.
int64_t big_little_blocks(int64_t blocks, int64_t beta);

/// Activations of a big-little stage.
struct BigLittleActivations {
  torch::Tensor big;     ///< [N, 4f, H / 2, W / 2]
  torch::Tensor little;  ///< [N, 4 · f / alpha, H, W]
  torch::Tensor merged;  ///< [N, 4f, H / merge_stride, W / merge_stride], the stage's output
};

/// A stage of a big-little network (Chen et al., arXiv 1807.03848): n - 1 blocks of f filters at half the resolution
/// beside max(1, n / beta - 1) blocks of f / alpha filters at the full one, a 1×1 expansion of the latter, their merge
/// and one more block. Shapes: [N, C, H, W] with even H and W to [N, 4f, H / merge_stride, W / merge_stride].
/// Parameters: big.0 …, little.0 …, expand, merge.
class BigLittleStageImpl : public torch::nn::Module {
 public:
  explicit BigLittleStageImpl(const BigLittleStageOptions& options);
  BigLittleActivations forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const BigLittleStageOptions options;
  /// DropBlock layer numbers that the stage uses.
  uint32_t drop_block_layers() const;

 private:
  BottleneckStack big_{nullptr};
  BottleneckStack little_{nullptr};
  ConvBn expand_{nullptr};
  Bottleneck merge_{nullptr};
};
TORCH_MODULE(BigLittleStage);

}  // namespace assemble::nn
