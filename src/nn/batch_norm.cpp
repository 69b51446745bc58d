// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/batch_norm.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>
#include <torch/nn/init.h>

#include "assemble/core/error.h"
#include "channel_tensors.h"
#include "fused_batch_norm.h"

namespace assemble::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// (x - mean) / √(variance + ε) · weight + bias of every channel, by the kernel of evaluation.
Tensor normalise_by(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                    const Tensor& variance, double epsilon) {
  return std::get<0>(at::native_batch_norm(input, weight, bias, mean, variance, /*training=*/false, 0.0, epsilon));
}

struct Statistics {
  Tensor mean, variance;  // [C], biased
  double count = 0;       // values a channel
};

/// Of the whole batch, from those of its parts.
Statistics merge(const Tensor& parts, int64_t channels) {
  const Tensor counts = parts.narrow(1, 2 * channels, 1);
  const Tensor means = parts.narrow(1, 0, channels);
  const Tensor count = counts.sum();
  const Tensor mean = (counts * means).sum(0) / count;
  const Tensor spread = parts.narrow(1, channels, channels) + (means - mean).square();
  return {mean, (counts * spread).sum(0) / count, count.item<double>()};
}

/// The way to the other processes, as the autograd graph keeps it.
struct SharedGather : torch::CustomClassHolder {
  explicit SharedGather(GatherParts given) : gather(std::move(given)) {}
  const GatherParts gather;
};

class SharedBatchNorm : public torch::autograd::Function<SharedBatchNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight, const Tensor& bias,
                        Tensor running_mean, Tensor running_var, double momentum, double epsilon,
                        const GatherParts& gather) {
    const int64_t channels = input.size(1);
    // With momentum 0 they stay; their type is what sums are in when that of the input is a short one.
    const auto [part_mean, part_variance] = at::batch_norm_update_stats(input, running_mean, running_var, 0.0);
    const int64_t values = input.numel() / channels;
    const Tensor count = torch::full({1}, static_cast<double>(values), part_mean.options());
    const Statistics batch = merge(gather(torch::cat({part_mean, part_variance, count}).to(torch::kDouble)), channels);
    running_mean.lerp_(batch.mean.to(running_mean.dtype()), momentum);
    running_var.lerp_((batch.variance * (batch.count / std::max(batch.count - 1, 1.0))).to(running_var.dtype()),
                      momentum);
    const Tensor mean = batch.mean.to(part_mean.dtype()), variance = batch.variance.to(part_mean.dtype());
    context->save_for_backward({input, weight, mean, variance});
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["count"] = batch.count;
    context->saved_data["gather"] = c10::IValue::make_capsule(c10::make_intrusive<SharedGather>(gather));
    return normalise_by(input, weight, bias, mean, variance, epsilon);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0], &weight = saved[1], &mean = saved[2], &variance = saved[3];
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const double count = context->saved_data["count"].toDouble();
    const auto shared = c10::static_intrusive_pointer_cast<SharedGather>(context->saved_data["gather"].toCapsule());
    const auto [through, of_weight, of_bias] = at::native_batch_norm_backward(
        gradients[0], input, weight, mean, variance, {}, {}, /*train=*/false, epsilon, {true, true, true});
    // What goes through the statistics: the means over the whole batch of dy and of dy · x̂.
    const Tensor sums = shared->gather(torch::cat({of_bias, of_weight}).to(torch::kDouble)).sum(0) / count;
    const Tensor scale = weight / (variance + epsilon).sqrt();
    const std::vector<Tensor> means = sums.to(scale.dtype()).chunk(2);
    const Tensor correction = normalise_by(input, scale * means[1], scale * means[0], mean, variance, epsilon);
    return {through - correction, of_weight, of_bias, {}, {}, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor activate(torch::Tensor input, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return input;
    case Activation::kRelu:
      return input.relu_();
    case Activation::kRelu6:
      return torch::relu6_(input);
  }
  return input;
}

bool BatchNormImpl::fuses(const Tensor& input) const {
  // LibTorch refuses a single value a channel.
  return is_training() && !gather_ && in_passes(input) && weight.scalar_type() == torch::kFloat &&
         input.numel() > input.size(1);
}

Tensor BatchNormImpl::forward(const Tensor& input, Activation activation) {
  return fuses(input) ? fused_batch_norm(input, {}, *this, activation) : activate(normalise(input), activation);
}

Tensor BatchNormImpl::forward_sum(const Tensor& input, const Tensor& addend, Activation activation) {
  const bool alike = addend.sizes() == input.sizes() && addend.scalar_type() == input.scalar_type() &&
                     addend.is_contiguous(torch::MemoryFormat::ChannelsLast);
  return fuses(input) && alike ? fused_batch_norm(input, addend, *this, activation)
                               : activate(forward(input).add_(addend), activation);
}

Tensor BatchNormImpl::normalise(const Tensor& input) {
  if (!gather_ || !is_training()) return BatchNorm2dImpl::forward(input);
  return SharedBatchNorm::apply(input, weight, bias, running_mean, running_var, options.momentum().value(),
                                options.eps(), gather_);
}

BatchNorm make_batch_norm(int64_t channels, double momentum, bool zero_gamma, double epsilon) {
  BatchNorm bn(torch::nn::BatchNorm2dOptions(channels).eps(epsilon).momentum(1 - momentum));
  if (zero_gamma) torch::nn::init::zeros_(bn->weight);
  return bn;
}

void share_batch_statistics(torch::nn::Module& module, const GatherParts& gather) {
  for (const auto& item : module.named_modules()) {
    if (auto* bn = item.value()->as<BatchNormImpl>()) {
      bn->share_statistics(gather);
    } else if (item.value()->as<torch::nn::BatchNorm2dImpl>() != nullptr) {
      throw UsageError("`sync_bn`", concat("cannot be done for ", item.key(), ", which is LibTorch's own batch norm"),
                       "make it with make_batch_norm()");
    }
  }
}

}  // namespace assemble::nn
