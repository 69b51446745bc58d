// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/models/arch.h"
#include "assemble/models/freeze.h"
#include "assemble/nn/batch_norm.h"
#include "assemble/nn/bottleneck.h"
#include "assemble/nn/cosine_dense.h"
#include "assemble/nn/dense.h"
#include "assemble/nn/drop_block.h"

namespace assemble {

struct ClassifierOptions {
  int64_t classes = 1000;
  double bn_momentum = 0.997;  ///< running = m · running + (1 - m) · batch
  bool zero_gamma = false;     ///< gamma of a block's last batch norm starts at 0
  bool sigmoid_loss = false;   ///< LossType::kSigmoid: the classifier's bias starts at -log(classes - 1) instead of 0
  /// Above 0: the classifier is nn::CosineDense of this scale, for the losses of is_cosine(), on the embedding as
  /// retrieval compares it (no ReLU between). 0: nn::Dense
  double cosine_scale = 0;
  bool drop_block = false;  ///< DropBlock in stages 3 and 4
  int64_t drop_block_size = 7;
  double stochastic_depth = 0;  ///< probability that the last residual block is dropped, in [0, 1)
  int64_t image_size = 224;     ///< side of the input, pixels; only `flatten` networks depend on it
};

/// Named activations of a forward pass, NCHW, in order of computation.
using Endpoints = std::vector<std::pair<std::string, torch::Tensor>>;

/// Base of every network.
class ClassifierImpl : public torch::nn::Module {
 public:
  ClassifierImpl(const Arch& arch, const ClassifierOptions& options);

  /// @param images [N, 3, H, W], best in channels_last memory
  /// @return logits [N, classes]
  /// @throws UsageError naming the nearest sizes when H or W is no multiple of arch().size_multiple()
  torch::Tensor forward(const torch::Tensor& images);
  /// Input of the classifier's dense layer before any activation: the embedding [N, E] or the pooled features [N, C],
  /// of any length.
  torch::Tensor embed(const torch::Tensor& images);
  /// forward() that also keeps the activations named in the original's graph, such as
  /// "resnet_model/stage1/big1/big1".
  torch::Tensor forward(const torch::Tensor& images, Endpoints& endpoints);
  /// Multiply-adds of convolutions and dense layers for one image of image_size² pixels. Nothing is computed.
  int64_t multiply_adds(int64_t image_size);

  const Arch& arch() const { return arch_; }
  const ClassifierOptions& options() const { return options_; }
  /// DropBlock's keep probability and random key, shared by all its layers.
  DropBlockState& drop_block_state() { return *drop_block_; }
  /// Stochastic depth's random key, shared by all its layers.
  StochasticDepthState& stochastic_depth_state() { return *stochastic_depth_; }
  /// Trainable values.
  int64_t parameter_count() const;
  /// Parameters and running statistics by name, the model file's content. Batch norm's counters of batches are left
  /// out: with a fixed momentum nothing depends on them.
  std::vector<std::pair<std::string, torch::Tensor>> named_state() const;
  /// Names of the final dense layer's parameters, which fine-tuning does not take over.
  static bool is_classifier_parameter(const std::string& name);
  /// Names of what follows the pooling: embedding, its batch norm, and the final dense layer.
  static bool is_head_parameter(const std::string& name);
  /// Parameters as far as `depth` get no gradient any more, and their batch norms stay in evaluation mode, whatever
  /// train() asks for: neither weights nor running statistics change. DropBlock goes on.
  /// @throws UsageError for the depth of a stage when the network has no stages
  void freeze(FreezeDepth depth);
  void train(bool on = true) override;

 protected:
  /// [N, 3, H, W] to the last stage's activations [N, C, h, w].
  virtual torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) = 0;
  /// The stage that a parameter or module outside the head belongs to, by its name: 0 for the stem, 1 … 4; kNoStages
  /// for networks without any.
  virtual int stage_of(const std::string& name) const { return kNoStages; }
  static constexpr int kNoStages = -1;
  /// Registers pooling's follow-ups (embedding, dense) once the last stage's channels are known.
  /// @param reduction side of the input divided by that of the last stage's activations, for `flatten`
  void make_head(int64_t channels, int64_t reduction);
  /// DropBlock for layers from number `layer` on; nothing when the options have it off.
  std::optional<nn::BlockDropBlock> drop_block(double gamma_scale, uint32_t layer) const;

  /// Stochastic depth of a network of so many residual blocks from number `block` on; nothing when the options have it
  /// off.
  std::optional<nn::BlockStochasticDepth> stochastic_depth(uint32_t block, uint32_t blocks) const;

  Arch arch_;
  ClassifierOptions options_;
  std::shared_ptr<DropBlockState> drop_block_;
  std::shared_ptr<StochasticDepthState> stochastic_depth_;

 private:
  bool is_frozen(const std::string& name) const;
  void check_size(const torch::Tensor& images) const;
  torch::Tensor features(const torch::Tensor& images, Endpoints* endpoints);
  torch::Tensor classify(const torch::Tensor& features);

  nn::Conv embedding_{nullptr};
  nn::BatchNorm embedding_bn_{nullptr};
  nn::Dense fc_{nullptr};  // one of the two
  nn::CosineDense cosine_fc_{nullptr};
  FreezeDepth frozen_ = FreezeDepth::kNone;
};
using Classifier = std::shared_ptr<ClassifierImpl>;

/// Builds a network with fresh weights, in channels_last memory.
/// @param seed of the initial weights
/// @throws UsageError for options that do not fit (classes < 2 …)
Classifier make_classifier(const Arch& arch, const ClassifierOptions& options, uint64_t seed = 0);

/// The same with weights that are not set, for callers that load them.
Classifier make_empty_classifier(const Arch& arch, const ClassifierOptions& options);

/// Size and cost of a network.
struct ModelCost {
  int64_t parameters = 0;     ///< trainable
  int64_t multiply_adds = 0;  ///< of convolutions and dense layers, for one image
};

/// @param image_size side of a square input, pixels
ModelCost measure_cost(const Arch& arch, int64_t classes, int64_t image_size);

}  // namespace assemble
