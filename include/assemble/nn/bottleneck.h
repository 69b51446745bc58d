// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/pimpl.h>

#include <memory>
#include <optional>
#include <vector>

#include "assemble/nn/batch_norm.h"
#include "assemble/nn/blur_pool.h"
#include "assemble/nn/conv_bn.h"
#include "assemble/nn/drop_block.h"
#include "assemble/nn/efficient_channel_attention.h"
#include "assemble/nn/selective_kernel.h"
#include "assemble/nn/squeeze_excite.h"
#include "assemble/nn/stochastic_depth.h"

namespace assemble::nn {

/// How a block's shortcut reaches the shape of its output.
enum class ShortcutKind {
  kIdentity,   ///< shapes are equal
  kStrided,    ///< 1×1 convolution with the stride
  kBlurred,    ///< BlurPool with the stride (when it is above 1), then 1×1 convolution
  kResNetD,    ///< resnet_d_shortcut_pool, then 1×1 convolution
  kTf2D,       ///< tf2_shortcut_pool, then 1×1 convolution
  kTimmD,      ///< timm_shortcut_pool, then 1×1 convolution
  kBigLittle,  ///< big_little_shortcut_pool, then 1×1 convolution
};

/// Options of Shortcut.
struct ShortcutOptions {
  ShortcutKind kind = ShortcutKind::kStrided;  ///< any but kIdentity
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t stride = 1;
  int64_t blur_size = 3;  ///< of kBlurred
  double bn_momentum = 0.997;
};

/// The projection of a residual block: pooling, 1×1 convolution, batch norm. Shapes: [N, in, H, W] to
/// [N, out, ceil(H / stride), ceil(W / stride)]. Parameters: "0" (convolution) and "1" (batch norm); with kResNetD,
/// kTf2D and kTimmD "1" and "2", since there "0" is the pooling in torchvision's and timm's naming.
class ShortcutImpl : public torch::nn::Module {
 public:
  explicit ShortcutImpl(const ShortcutOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const ShortcutOptions options;
  Conv conv{nullptr};
  BatchNorm bn{nullptr};
  BlurPool blur{nullptr};

 private:
  torch::Tensor pool(const torch::Tensor& input);
};
TORCH_MODULE(Shortcut);

/// DropBlock for the layers of a block.
struct BlockDropBlock {
  DropBlockOptions options;  ///< `layer` is that of the block's first DropBlock; a block uses four numbers
  std::shared_ptr<const DropBlockState> state;
};

/// Stochastic depth of a block.
struct BlockStochasticDepth {
  StochasticDepthOptions options;
  std::shared_ptr<const StochasticDepthState> state;
};

/// Options of Bottleneck.
struct BottleneckOptions {
  int64_t in_channels = 0;
  int64_t filters = 0;  ///< the output has 4 · filters channels
  int64_t stride = 1;
  ShortcutKind shortcut = ShortcutKind::kIdentity;
  int64_t blur_size = 0;   ///< side of the anti-aliasing filter
  bool blur_conv = false;  ///< at stride > 1 the 3×3 runs at stride 1 and a BlurPool strides after it
  int64_t se_ratio = 0;    ///< squeeze and excitation after the last batch norm; 0 is off
  bool se_bias = false;
  bool eca = false;               ///< efficient channel attention in that place
  bool selective_kernel = false;  ///< in place of the 3×3
  bool last_relu = true;
  bool zero_gamma = false;  ///< gamma of the last batch norm starts at 0
  double bn_momentum = 0.997;
  std::optional<BlockDropBlock> drop_block =
      std::nullopt;  ///< after every batch norm (after the selective kernel as a whole)
  std::optional<BlockStochasticDepth> stochastic_depth = std::nullopt;  ///< of all but the shortcut
};

/// Bottleneck block of ResNet (He et al., arXiv 1512.03385; stride in the 3×3) with the tweaks of Assemble:
///   y = relu(SE(BN(1×1(blur(relu(BN(3×3(relu(BN(1×1(x)))))))))) + shortcut(x)).
/// Shapes: [N, in, H, W] to [N, 4 · filters, ceil(H / stride), ceil(W / stride)].
/// Parameters as torchvision's: conv1, bn1, conv2, bn2, conv3, bn3, downsample; se as timm's, eca; with a selective
/// kernel conv2 is that module and there is no bn2.
class BottleneckImpl : public torch::nn::Module {
 public:
  static constexpr int64_t kExpansion = 4;
  static constexpr uint32_t kDropBlockLayers = 4;

  explicit BottleneckImpl(const BottleneckOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const BottleneckOptions options;

 private:
  void make_middle();
  void make_drop_blocks();
  torch::Tensor middle(const torch::Tensor& input);
  torch::Tensor drop(size_t index, const torch::Tensor& input);
  torch::Tensor activate_dropped(size_t index, BatchNorm& bn, const torch::Tensor& input);

  Conv conv1_;
  BatchNorm bn1_;
  Conv conv2_{nullptr};
  BatchNorm bn2_{nullptr};
  SelectiveKernel selective_kernel_{nullptr};
  BlurPool blur_{nullptr};
  Conv conv3_{nullptr};
  BatchNorm bn3_{nullptr};
  SqueezeExcite se_{nullptr};
  EfficientChannelAttention eca_{nullptr};
  StochasticDepth stochastic_depth_{nullptr};
  Shortcut downsample_{nullptr};
  std::vector<DropBlock> drop_blocks_;
};
TORCH_MODULE(Bottleneck);

/// Bottlenecks one after another, named "0", "1", …: a stage of ResNet or a branch of a big-little stage.
/// The first has the given options; the others keep the shape. Without `last_relu` the last block has no final ReLU,
/// unless it is also the first: that is how the original builds it.
class BottleneckStackImpl : public torch::nn::Module {
 public:
  BottleneckStackImpl(const BottleneckOptions& first, int64_t blocks, bool last_relu = true);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

 private:
  std::vector<Bottleneck> blocks_;
};
TORCH_MODULE(BottleneckStack);

}  // namespace assemble::nn
