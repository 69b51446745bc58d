// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/classifier.h"

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/models/registry.h"
#include "assemble/nn/eval_mode.h"
#include "assemble/nn/gem_pool.h"
#include "assemble/nn/multiply_add_counter.h"

namespace assemble {
namespace {

void check_options(const Arch& arch, const ClassifierOptions& options) {
  if (options.classes < 2) {
    throw UsageError("`classes`", concat("a classifier needs at least 2 classes, not ", options.classes),
                     "check the number of class folders or `classes`");
  }
  if (options.bn_momentum < 0 || options.bn_momentum >= 1) {
    throw UsageError("`bn_momentum`", concat(options.bn_momentum, " is not in [0, 1)"), "the usual value is 0.997");
  }
  if (!(options.cosine_scale >= 0) || !std::isfinite(options.cosine_scale)) {
    throw UsageError("`cosine_scale`", concat(options.cosine_scale, " is no scale"), "the usual values are 16 to 80");
  }
  if (options.drop_block_size < 1) {
    throw UsageError("`drop_block_size`", concat(options.drop_block_size, " is below 1"), "the usual value is 7");
  }
  if (!(options.stochastic_depth >= 0 && options.stochastic_depth < 1)) {
    throw UsageError("`stochastic_depth`", concat(options.stochastic_depth, " is not in [0, 1)"),
                     "the usual values are 0.05 to 0.2");
  }
  if (arch.pool == PoolType::kFlatten && options.image_size < 1) {
    throw UsageError("`image_size`", concat(options.image_size, " is below 1"), "`flatten` needs the input's size");
  }
}

std::string nearest_sizes(int64_t size, int64_t multiple) {
  const int64_t below = size / multiple * multiple;
  return below == 0 ? concat(multiple) : concat(below, " or ", below + multiple);
}

/// What the names of a network's activations begin with.
std::string scope(const Arch& arch) {
  const NetworkKind& kind = network_kind(arch.base);
  return kind.endpoints.empty() ? kind.name + "/" : kind.endpoints;
}

/// Pooled features [N, C, 1, 1], flattened ones [N, h·w·C, 1, 1] in the original's order: row, column, channel.
torch::Tensor pool(const torch::Tensor& activations, PoolType type) {
  switch (type) {
    case PoolType::kGeM:
      return nn::gem_pool(activations);
    case PoolType::kFlatten:
      return activations.permute({0, 2, 3, 1}).flatten(1).unsqueeze(2).unsqueeze(3);
    case PoolType::kAverage:
      break;
  }
  return activations.mean({2, 3}, /*keepdim=*/true);
}

}  // namespace

ClassifierImpl::ClassifierImpl(const Arch& arch, const ClassifierOptions& options)
    : arch_(arch),
      options_(options),
      drop_block_(std::make_shared<DropBlockState>()),
      stochastic_depth_(std::make_shared<StochasticDepthState>()) {
  check_options(arch, options);
}

std::optional<nn::BlockDropBlock> ClassifierImpl::drop_block(double gamma_scale, uint32_t layer) const {
  if (!options_.drop_block) return {};
  return nn::BlockDropBlock{
      .options = {.block_size = options_.drop_block_size, .gamma_scale = gamma_scale, .layer = layer},
      .state = drop_block_};
}

std::optional<nn::BlockStochasticDepth> ClassifierImpl::stochastic_depth(uint32_t block, uint32_t blocks) const {
  if (options_.stochastic_depth == 0) return {};
  return nn::BlockStochasticDepth{.options = {.last_rate = options_.stochastic_depth, .block = block, .blocks = blocks},
                                  .state = stochastic_depth_};
}

void ClassifierImpl::make_head(int64_t channels, int64_t reduction) {
  int64_t features = channels;
  if (arch_.pool == PoolType::kFlatten) {
    const int64_t side = (options_.image_size + reduction - 1) / reduction;
    features = channels * side * side;
  }
  if (arch_.embedding > 0) {
    embedding_ = register_module("embedding",
                                 nn::Conv(nn::ConvOptions{.in_channels = features, .out_channels = arch_.embedding}));
    embedding_bn_ = register_module("embedding_bn", nn::make_batch_norm(arch_.embedding, options_.bn_momentum));
    features = arch_.embedding;
  }
  if (options_.cosine_scale > 0) {
    cosine_fc_ = register_module(
        "fc", nn::CosineDense(nn::CosineDenseOptions{
                  .in_features = features, .out_features = options_.classes, .scale = options_.cosine_scale}));
    return;
  }
  const double bias = options_.sigmoid_loss ? -std::log(static_cast<double>(options_.classes - 1)) : 0.0;
  fc_ = register_module(
      "fc", nn::Dense(nn::DenseOptions{.in_features = features, .out_features = options_.classes, .bias = bias}));
}

void ClassifierImpl::check_size(const torch::Tensor& images) const {
  if (images.dim() != 4 || images.size(1) != 3) {
    throw UsageError("images", concat("expected the shape [N, 3, H, W], got ", images.sizes()));
  }
  const int64_t multiple = arch_.size_multiple();
  for (const int64_t size : {images.size(2), images.size(3)}) {
    if (size % multiple == 0 && size > 0) continue;
    throw UsageError(concat("image size ", images.size(2), "x", images.size(3)),
                     concat("the big-little network ", arch_.str(), " needs sides that are multiples of ", multiple),
                     concat("the nearest for ", size, ": ", nearest_sizes(size, multiple)));
  }
  if (arch_.pool == PoolType::kFlatten &&
      (images.size(2) != options_.image_size || images.size(3) != options_.image_size)) {
    throw UsageError(concat("image size ", images.size(2), "x", images.size(3)),
                     concat("the network ", arch_.str(), " was built for ", options_.image_size, "x",
                            options_.image_size, ", since `flatten` fixes the size"),
                     "give images of that size, or leave `flatten` out");
  }
}

torch::Tensor ClassifierImpl::features(const torch::Tensor& images, Endpoints* endpoints) {
  check_size(images);
  torch::Tensor pooled = pool(stages(images, endpoints), arch_.pool);
  if (endpoints) endpoints->emplace_back(scope(arch_) + "final_reduce_mean", pooled);
  if (embedding_) pooled = embedding_bn_->forward(embedding_->forward(pooled));
  return pooled.flatten(1);
}

torch::Tensor ClassifierImpl::classify(const torch::Tensor& features) {
  if (cosine_fc_) return cosine_fc_->forward(features);
  return fc_->forward(embedding_ ? features.relu() : features);
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& images) { return classify(features(images, nullptr)); }

torch::Tensor ClassifierImpl::embed(const torch::Tensor& images) { return features(images, nullptr); }

torch::Tensor ClassifierImpl::forward(const torch::Tensor& images, Endpoints& endpoints) {
  torch::Tensor logits = classify(features(images, &endpoints));
  endpoints.emplace_back(scope(arch_) + "final_dense", logits);
  return logits;
}

int64_t ClassifierImpl::multiply_adds(int64_t image_size) {
  const torch::NoGradGuard no_grad;
  const nn::EvalMode evaluating(*this);
  const nn::MultiplyAddCounter counter;
  forward(torch::empty({0, 3, image_size, image_size}, parameters().at(0).options()));
  return counter.total();
}

int64_t ClassifierImpl::parameter_count() const {
  int64_t count = 0;
  for (const torch::Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

std::vector<std::pair<std::string, torch::Tensor>> ClassifierImpl::named_state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const auto& item : named_parameters()) state.emplace_back(item.key(), item.value());
  for (const auto& item : named_buffers()) {
    if (item.value().is_floating_point()) state.emplace_back(item.key(), item.value());
  }
  return state;
}

bool ClassifierImpl::is_classifier_parameter(const std::string& name) {
  return name == "fc.weight" || name == "fc.bias";
}

bool ClassifierImpl::is_head_parameter(const std::string& name) {
  return name.starts_with("fc.") || name.starts_with("embedding.") || name.starts_with("embedding_bn.");
}

bool ClassifierImpl::is_frozen(const std::string& name) const {
  if (frozen_ == FreezeDepth::kNone || is_head_parameter(name)) return false;
  const int last = static_cast<int>(frozen_) - static_cast<int>(FreezeDepth::kStem);
  return frozen_ == FreezeDepth::kBackbone || stage_of(name) <= last;
}

void ClassifierImpl::freeze(FreezeDepth depth) {
  if (depth != FreezeDepth::kNone && depth != FreezeDepth::kBackbone && stage_of("") == kNoStages) {
    throw UsageError(concat("`freeze` ", kFreezeDepths.name(depth)),
                     concat("the network ", arch_.base, " has no stages"), "freeze its backbone, or nothing");
  }
  frozen_ = depth;
  for (const auto& item : named_parameters()) {
    torch::Tensor parameter = item.value();
    parameter.set_requires_grad(!is_frozen(item.key()));
  }
  train(is_training());
}

void ClassifierImpl::train(bool on) {
  torch::nn::Module::train(on);
  if (frozen_ == FreezeDepth::kNone) return;
  for (const auto& item : named_modules("", /*include_self=*/false)) {
    const bool is_batch_norm = item.value()->as<torch::nn::BatchNorm2dImpl>() != nullptr;
    if (is_batch_norm && is_frozen(item.key() + ".")) item.value()->eval();
  }
}

Classifier make_empty_classifier(const Arch& arch, const ClassifierOptions& options) {
  return network_kind(arch.base).make(arch, options);
}

Classifier make_classifier(const Arch& arch, const ClassifierOptions& options, uint64_t seed) {
  Classifier model = make_empty_classifier(arch, options);
  nn::initialise_weights(*model, seed);
  return model;
}

ModelCost measure_cost(const Arch& arch, int64_t classes, int64_t image_size) {
  const Classifier model = make_empty_classifier(arch, {.classes = classes, .image_size = image_size});
  return {.parameters = model->parameter_count(), .multiply_adds = model->multiply_adds(image_size)};
}

}  // namespace assemble
