// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/tf_names.h"

#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/models/resnet.h"

namespace assemble {
namespace {

/// A variable scope of the original: hands out the numbered names of the layers created in it.
class Scope {
 public:
  Scope(std::string prefix, std::vector<TfVariable>& variables) : prefix_(std::move(prefix)), variables_(variables) {}

  void convolution(const std::string& ours) { kernel(ours, next("conv2d")); }

  void batch_norm(const std::string& ours) { statistics(ours, next("batch_normalization")); }

  void conv_bn(const std::string& conv, const std::string& bn) {
    convolution(conv);
    batch_norm(bn);
  }

  /// A layer that has a name of its own.
  void kernel(const std::string& ours, const std::string& layer) {
    variables_.push_back({ours + ".weight", prefix_ + layer + "/kernel", TfLayout::kKernel});
  }

  void statistics(const std::string& ours, const std::string& layer) {
    const std::string tf = prefix_ + layer;
    variables_.push_back({ours + ".weight", tf + "/gamma", TfLayout::kSame});
    variables_.push_back({ours + ".bias", tf + "/beta", TfLayout::kSame});
    variables_.push_back({ours + ".running_mean", tf + "/moving_mean", TfLayout::kSame});
    variables_.push_back({ours + ".running_var", tf + "/moving_variance", TfLayout::kSame});
  }

  void dense(const std::string& ours, const std::string& layer) {
    variables_.push_back({ours + ".weight", prefix_ + layer + "/kernel", TfLayout::kDense});
    variables_.push_back({ours + ".bias", prefix_ + layer + "/bias", TfLayout::kSame});
  }

  /// A scope inside this one, numbered like a layer.
  Scope inner(const std::string& name) { return {prefix_ + next(name) + "/", variables_}; }

 private:
  std::string next(const std::string& name) {
    const int number = used_[name]++;
    return number == 0 ? name : concat(name, "_", number);
  }

  std::string prefix_;
  std::vector<TfVariable>& variables_;
  std::map<std::string, int> used_;
};

void add_selective_kernel(Scope& scope, const std::string& ours) {
  scope.conv_bn(ours + ".conv", ours + ".bn");
  Scope inner = scope.inner("sk_block");
  inner.kernel(ours + ".fc_reduce", "sk_fc_1");
  inner.batch_norm(ours + ".fc_bn");
  inner.kernel(ours + ".fc_select", "sk_fc_2");
}

void add_squeeze_excite(Scope& scope, const std::string& ours) {
  Scope inner = scope.inner("se_block");
  inner.kernel(ours + ".fc1", "seblock_dense_1");
  inner.kernel(ours + ".fc2", "seblock_dense_2");
}

void add_block(Scope& scope, const Arch& arch, const std::string& ours, bool projects, bool resnet_d_shortcut) {
  if (projects) {
    const int first = resnet_d_shortcut ? 1 : 0;
    scope.conv_bn(concat(ours, ".downsample.", first), concat(ours, ".downsample.", first + 1));
  }
  scope.conv_bn(ours + ".conv1", ours + ".bn1");
  if (arch.selective_kernel) {
    add_selective_kernel(scope, ours + ".conv2");
  } else {
    scope.conv_bn(ours + ".conv2", ours + ".bn2");
  }
  scope.conv_bn(ours + ".conv3", ours + ".bn3");
  if (arch.se_ratio > 0) add_squeeze_excite(scope, ours + ".se");
}

void add_blocks(Scope& scope, const Arch& arch, const std::string& ours, int64_t blocks, bool resnet_d_shortcut) {
  for (int64_t i = 0; i < blocks; ++i) add_block(scope, arch, concat(ours, ".", i), i == 0, resnet_d_shortcut);
}

void add_stem_convolutions(Scope& scope, const Arch& arch) {
  if (!arch.resnet_d) return scope.convolution("conv1");
  scope.conv_bn("conv1.0", "conv1.1");
  scope.conv_bn("conv1.3", "conv1.4");
  scope.convolution("conv1.6");
}

void add_big_little_stem(Scope& root, const Arch& arch) {
  // The stem's scope is entered twice under one name: TensorFlow numbers the second.
  Scope first = root.inner("stage0");
  add_stem_convolutions(first, arch);
  root.inner("stage0").batch_norm("bn1");
  Scope pool = root.inner("stage0/pool");
  pool.conv_bn("stem.big.0", "stem.big.1");
  for (int i = 0; i < 3; ++i) pool.conv_bn(concat("stem.little.", i, ".0"), concat("stem.little.", i, ".1"));
  pool.conv_bn("stem.merge.0", "stem.merge.1");
}

void add_big_little_stage(Scope& root, const Arch& arch, int64_t stage, int64_t blocks) {
  const std::string ours = concat("layer", stage);
  Scope scope = root.inner(concat("stage", stage));
  Scope big = scope.inner(concat("big", stage));
  add_blocks(big, arch, ours + ".big", blocks - 1, false);
  Scope little = scope.inner(concat("little", stage));
  add_blocks(little, arch, ours + ".little", std::max<int64_t>(1, blocks / arch.beta - 1), false);
  little.conv_bn(ours + ".expand.0", ours + ".expand.1");
  Scope merge = scope.inner(concat("merge", stage));
  add_block(merge, arch, ours + ".merge", true, false);
}

void add_version_1(Scope& root, const Arch& arch) {
  const std::vector<int64_t> blocks = resnet_stage_blocks(arch);
  add_stem_convolutions(root, arch);
  root.batch_norm("bn1");
  for (int64_t stage = 1; stage <= 4; ++stage) {
    add_blocks(root, arch, concat("layer", stage), blocks[stage - 1], arch.resnet_d);
  }
}

void add_version_2(Scope& root, const Arch& arch) {
  const std::vector<int64_t> blocks = resnet_stage_blocks(arch);
  add_big_little_stem(root, arch);
  for (int64_t stage = 1; stage <= 3; ++stage) add_big_little_stage(root, arch, stage, blocks[stage - 1]);
  Scope last = root.inner("stage4");
  add_blocks(last, arch, "layer4", blocks[3], arch.resnet_d);
}

}  // namespace

std::vector<TfVariable> tf_variables(const Arch& arch) {
  if (!is_resnet(arch)) {
    throw UsageError(concat("arch '", arch.str(), "'"), "the original TensorFlow implementation has ResNets alone");
  }
  std::vector<TfVariable> variables;
  Scope root("resnet_model/", variables);
  if (arch.big_little) {
    add_version_2(root, arch);
  } else {
    add_version_1(root, arch);
  }
  if (arch.embedding > 0) {
    root.kernel("embedding", "embedding_dense");
    root.statistics("embedding_bn", "embedding_dense_batch_normalization");
  }
  root.dense("fc", "dense");
  return variables;
}

std::vector<int64_t> tf_shape(const std::vector<int64_t>& shape, TfLayout layout) {
  if (layout == TfLayout::kKernel && shape.size() == 4) return {shape[2], shape[3], shape[1], shape[0]};
  if (layout == TfLayout::kDepthwise && shape.size() == 4) return {shape[2], shape[3], shape[0], shape[1]};
  if (layout == TfLayout::kDense && shape.size() == 2) return {shape[1], shape[0]};
  if (layout == TfLayout::kPointwise && shape.size() == 2) return {1, 1, shape[1], shape[0]};
  return shape;
}

torch::Tensor from_tf(const torch::Tensor& variable, TfLayout layout) {
  if (layout == TfLayout::kKernel) return variable.permute({3, 2, 0, 1});
  if (layout == TfLayout::kDepthwise) return variable.permute({2, 3, 0, 1});
  if (layout == TfLayout::kPointwise) return variable.flatten(0, 2).t();
  return layout == TfLayout::kDense ? variable.t() : variable;
}

torch::Tensor to_tf(const torch::Tensor& parameter, TfLayout layout) {
  if (layout == TfLayout::kKernel) return parameter.permute({2, 3, 1, 0});
  if (layout == TfLayout::kDepthwise) return parameter.permute({2, 3, 0, 1});
  if (layout == TfLayout::kPointwise) return parameter.t().unsqueeze(0).unsqueeze(0);
  return layout == TfLayout::kDense ? parameter.t() : parameter;
}

}  // namespace assemble
