// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "assemble/models/arch.h"
#include "assemble/nn/drop_block.h"

namespace assemble {

struct ClassifierOptions {
  int64_t classes = 1000;
  double bn_momentum = 0.997;  ///< running = m · running + (1 - m) · batch
  bool zero_gamma = false;     ///< gamma of a block's last batch norm starts at 0
  bool sigmoid_loss = false;   ///< the classifier's bias starts at -log(classes - 1) instead of 0
  bool drop_block = false;     ///< DropBlock in stages 3 and 4
  int64_t drop_block_size = 7;
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
  /// Input of the classifier's dense layer before any activation: the embedding [N, E] or the pooled features [N, C].
  torch::Tensor embed(const torch::Tensor& images);
  /// forward() that also keeps the activations named in the original's graph, such as
  /// "resnet_model/stage1/big1/big1".
  torch::Tensor forward(const torch::Tensor& images, Endpoints& endpoints);

  const Arch& arch() const { return arch_; }
  const ClassifierOptions& options() const { return options_; }
  /// DropBlock's keep probability and random key, shared by all its layers.
  DropBlockState& drop_block_state() { return *drop_block_; }
  /// Parameters and buffers by name, the model file's content.
  std::vector<std::pair<std::string, torch::Tensor>> named_state() const;
  /// Names of the final dense layer's parameters, which fine-tuning does not take over.
  static bool is_classifier_parameter(const std::string& name);

 protected:
  /// [N, 3, H, W] to the last stage's activations [N, C, h, w].
  virtual torch::Tensor stages(const torch::Tensor& images, Endpoints* endpoints) = 0;
  /// Registers pooling's follow-ups (embedding, dense) once the channel count is known.
  void make_head(int64_t channels, int64_t spatial);

  Arch arch_;
  ClassifierOptions options_;
  std::shared_ptr<DropBlockState> drop_block_;
};
using Classifier = std::shared_ptr<ClassifierImpl>;

/// Builds a network with fresh weights, in channels_last memory.
/// @param seed of the initial weights
/// @throws UsageError for options that do not fit (classes < 2 …)
Classifier make_classifier(const Arch& arch, const ClassifierOptions& options, uint64_t seed = 0);

/// Size and cost of a network.
struct ModelCost {
  int64_t parameters = 0;      ///< trainable
  int64_t multiply_adds = 0;   ///< of convolutions and dense layers, for one image
};

/// @param image_size side of a square input, pixels
ModelCost measure_cost(const Arch& arch, int64_t classes, int64_t image_size);

}  // namespace assemble
