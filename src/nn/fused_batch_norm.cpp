// SPDX-License-Identifier: Apache-2.0
#include "fused_batch_norm.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "channel_tensors.h"

namespace assemble::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kLeastWidth = 256;       // values of a row
constexpr int64_t kBlockValues = 1 << 15;  // 128 KiB of f32: read twice, the second time from the cache
constexpr int64_t kVector = 16;            // values of the longest vector

Clamp clamp_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return Clamp::kNone;
    case Activation::kRelu:
      return Clamp::kBelowZero;
    case Activation::kRelu6:
      return Clamp::kOutsideSix;
  }
  return Clamp::kNone;
}

/// Activations as rows of a width that vectors fill, cut into blocks of whole rows.
struct Layout {
  explicit Layout(const Tensor& activations) : channels(activations.size(1)), values(activations.numel()) {
    const int64_t whole = std::lcm(channels, kVector);
    width = whole * std::max<int64_t>(1, (kLeastWidth + whole - 1) / whole);
    block = width * std::max<int64_t>(1, kBlockValues / width);
    blocks = (values + block - 1) / block;
  }

  double count() const { return static_cast<double>(values / channels); }  ///< values of a channel
  ChannelRange range(int64_t b) const { return {std::min(block, values - b * block), width}; }
  /// Values of a channel in a block.
  double count_of(int64_t b) const { return static_cast<double>(range(b).values / channels); }

  int64_t channels, values, width, block, blocks;
};

/// [channels] repeated to a row.
std::vector<float> to_row(const std::vector<float>& of_channels, const Layout& layout) {
  std::vector<float> row;
  while (std::ssize(row) < layout.width) row.insert(row.end(), of_channels.begin(), of_channels.end());
  return row;
}

/// A row's sums, as those of its channels.
void fold(const std::vector<float>& row, int64_t channels, double* sums) {
  std::fill_n(sums, channels, 0.0);
  for (auto first = row.begin(); first != row.end(); first += channels) {
    for (int64_t c = 0; c < channels; ++c) sums[c] += first[c];
  }
}

/// Calls body(block) for every block, on as many threads as LibTorch may use.
template <class Body>
void for_blocks(const Layout& layout, const Body& body) {
  at::parallel_for(0, layout.blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) body(b);
  });
}

/// Two doubles a channel and block.
struct BlockSums {
  explicit BlockSums(const Layout& layout)
      : channels(layout.channels), values(static_cast<size_t>(2 * layout.blocks * layout.channels)) {}
  double* first(int64_t block) { return values.data() + 2 * block * channels; }
  double* second(int64_t block) { return first(block) + channels; }

  int64_t channels;
  std::vector<double> values;
};

struct Statistics {
  std::vector<double> mean, variance;  // [C], biased
};

template <typename Value>
Statistics measure(const Value* values, const Layout& layout) {
  const ChannelPasses<Value> passes = channel_passes<Value>();
  BlockSums parts(layout);  // means, and sums of squares around them
  for_blocks(layout, [&](int64_t b) {
    const ChannelRange range = layout.range(b);
    const Value* const first = values + b * layout.block;
    std::vector<float> row(static_cast<size_t>(layout.width), 0.0F);
    passes.add_columns(first, range, row.data());
    fold(row, layout.channels, parts.first(b));
    std::vector<float> centre(static_cast<size_t>(layout.channels));
    for (int64_t c = 0; c < layout.channels; ++c) {
      centre[static_cast<size_t>(c)] = static_cast<float>(parts.first(b)[c] /= layout.count_of(b));
    }
    const std::vector<float> centres = to_row(centre, layout);
    std::fill(row.begin(), row.end(), 0.0F);
    passes.add_squares(first, range, centres.data(), row.data());
    fold(row, layout.channels, parts.second(b));
    // The squares are around the mean as a float.
    for (int64_t c = 0; c < layout.channels; ++c) {
      const double off = parts.first(b)[c] - centre[static_cast<size_t>(c)];
      parts.second(b)[c] -= layout.count_of(b) * off * off;
    }
  });
  Statistics batch{std::vector<double>(static_cast<size_t>(layout.channels)),
                   std::vector<double>(static_cast<size_t>(layout.channels))};
  for (int64_t b = 0; b < layout.blocks; ++b) {
    for (size_t c = 0; c < batch.mean.size(); ++c) batch.mean[c] += layout.count_of(b) * parts.first(b)[c];
  }
  for (double& mean : batch.mean) mean /= layout.count();
  for (int64_t b = 0; b < layout.blocks; ++b) {
    for (size_t c = 0; c < batch.mean.size(); ++c) {
      const double off = parts.first(b)[c] - batch.mean[c];
      batch.variance[c] += parts.second(b)[c] + layout.count_of(b) * off * off;
    }
  }
  for (double& variance : batch.variance) variance = std::max(variance / layout.count(), 0.0);
  return batch;
}

void update_running(const Statistics& batch, double count, double momentum, Tensor mean, Tensor variance) {
  const double unbiased = count / std::max(count - 1, 1.0);
  float* const means = mean.mutable_data_ptr<float>();
  float* const variances = variance.mutable_data_ptr<float>();
  for (size_t c = 0; c < batch.mean.size(); ++c) {
    means[c] = static_cast<float>(momentum * batch.mean[c] + (1 - momentum) * means[c]);
    variances[c] = static_cast<float>(momentum * unbiased * batch.variance[c] + (1 - momentum) * variances[c]);
  }
}

/// What a value is multiplied with, what is added to it, and what it is around.
struct Affine {
  std::vector<float> scale, shift, mean;  // [C]
  std::vector<double> inverse_deviation;
};

Affine affine_of(const Statistics& batch, const Tensor& weight, const Tensor& bias, double epsilon) {
  Affine affine;
  for (size_t c = 0; c < batch.mean.size(); ++c) {
    const double inverse = 1 / std::sqrt(batch.variance[c] + epsilon);
    const double scale = weight.const_data_ptr<float>()[c] * inverse;
    affine.inverse_deviation.push_back(inverse);
    affine.scale.push_back(static_cast<float>(scale));
    affine.shift.push_back(static_cast<float>(bias.const_data_ptr<float>()[c] - batch.mean[c] * scale));
    affine.mean.push_back(static_cast<float>(batch.mean[c]));
  }
  return affine;
}

template <typename Value>
void write_outputs(const Tensor& input, const Tensor& addend, const Affine& affine, Clamp clamp, const Layout& layout,
                   const Tensor& output) {
  const ChannelPasses<Value> passes = channel_passes<Value>();
  const std::vector<float> scale = to_row(affine.scale, layout), shift = to_row(affine.shift, layout);
  for_blocks(layout, [&](int64_t b) {
    const int64_t begin = b * layout.block;
    const Value* const added = data_of<Value>(addend);
    passes.scale_and_clamp(data_of<Value>(input) + begin, added == nullptr ? nullptr : added + begin, layout.range(b),
                           scale.data(), shift.data(), clamp, mutable_data_of<Value>(output) + begin);
  });
}

struct Gradients {
  Tensor input, passed, weight, bias;
};

/// @param output undefined where the inputs tell what the clamp let through
/// @param passed takes the gradients that the clamp lets through; or undefined
template <typename Value>
void compute_gradients(const Tensor& gradient, const Tensor& input, const Tensor& output, const Affine& affine,
                       Clamp clamp, Gradients& result) {
  const Layout layout(input);
  const ChannelPasses<Value> passes = channel_passes<Value>();
  const std::vector<float> scale = to_row(affine.scale, layout), shift = to_row(affine.shift, layout),
                           mean = to_row(affine.mean, layout);
  const auto step_at = [&](int64_t begin) {
    const auto from = [begin](auto* pointer) { return pointer == nullptr ? nullptr : pointer + begin; };
    return ChannelGradients<Value>{data_of<Value>(gradient) + begin,
                                   data_of<Value>(input) + begin,
                                   from(data_of<Value>(output)),
                                   from(mutable_data_of<Value>(result.passed)),
                                   scale.data(),
                                   shift.data(),
                                   mean.data(),
                                   clamp};
  };
  BlockSums parts(layout);
  for_blocks(layout, [&](int64_t b) {
    std::vector<float> sums(static_cast<size_t>(layout.width), 0.0F), products(sums);
    passes.add_gradients(step_at(b * layout.block), layout.range(b), sums.data(), products.data());
    fold(sums, layout.channels, parts.first(b));
    fold(products, layout.channels, parts.second(b));
  });
  std::vector<double> sums(static_cast<size_t>(layout.channels)), products(sums);
  for (int64_t b = 0; b < layout.blocks; ++b) {
    for (size_t c = 0; c < sums.size(); ++c) {
      sums[c] += parts.first(b)[c];
      products[c] += parts.second(b)[c];
    }
  }
  std::vector<float> slope, offset;
  for (size_t c = 0; c < sums.size(); ++c) {
    const double inverse = affine.inverse_deviation[c];
    result.bias.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
    result.weight.mutable_data_ptr<float>()[c] = static_cast<float>(products[c] * inverse);
    slope.push_back(static_cast<float>(-affine.scale[c] * inverse * inverse * products[c] / layout.count()));
    offset.push_back(static_cast<float>(-affine.scale[c] * sums[c] / layout.count()));
  }
  if (!result.input.defined()) return;
  const std::vector<float> slopes = to_row(slope, layout), offsets = to_row(offset, layout);
  for_blocks(layout, [&](int64_t b) {
    ChannelGradients<Value> step = step_at(b * layout.block);
    if (step.passed != nullptr) {  // the first pass has them
      step.gradients = step.passed;
      step.passed = nullptr;
      step.clamp = Clamp::kNone;
    }
    passes.input_gradients(step, layout.range(b), slopes.data(), offsets.data(),
                           mutable_data_of<Value>(result.input) + b * layout.block);
  });
}

Tensor to_tensor(const std::vector<double>& values) { return torch::tensor(values, torch::kDouble); }

std::vector<double> to_vector(const Tensor& values) {
  const double* const first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

class FusedBatchNorm : public torch::autograd::Function<FusedBatchNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& input, const std::optional<Tensor>& given,
                        const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                        double momentum, double epsilon, int64_t clamp_number) {
    const Layout layout(input);
    const auto clamp = static_cast<Clamp>(clamp_number);
    const Tensor addend = given.value_or(Tensor());
    const Tensor output = torch::empty_like(input);
    Statistics batch;
    with_value_type(input, [&](auto* type) {
      using Value = std::remove_pointer_t<decltype(type)>;
      batch = measure(data_of<Value>(input), layout);
      write_outputs<Value>(input, addend, affine_of(batch, weight, bias, epsilon), clamp, layout, output);
    });
    update_running(batch, layout.count(), momentum, running_mean, running_var);
    const bool by_output = addend.defined() && clamp != Clamp::kNone;
    context->save_for_backward(
        {input, weight, bias, to_tensor(batch.mean), to_tensor(batch.variance), by_output ? output : Tensor()});
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["clamp"] = clamp_number;
    context->saved_data["has_addend"] = addend.defined();
    return output;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0], &weight = saved[1], &bias = saved[2], &output = saved[5];
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const auto clamp = static_cast<Clamp>(context->saved_data["clamp"].toInt());
    const bool has_addend = context->saved_data["has_addend"].toBool();
    const Statistics batch{to_vector(saved[3]), to_vector(saved[4])};
    const Tensor gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    Gradients result{.input = context->needs_input_grad(0) ? torch::empty_like(input) : Tensor(),
                     .passed = output.defined() ? torch::empty_like(input) : Tensor(),
                     .weight = torch::empty_like(weight),
                     .bias = torch::empty_like(bias)};
    with_value_type(input, [&](auto* type) {
      using Value = std::remove_pointer_t<decltype(type)>;
      compute_gradients<Value>(gradient, input, output, affine_of(batch, weight, bias, epsilon), clamp, result);
    });
    const Tensor of_addend = !has_addend ? Tensor() : result.passed.defined() ? result.passed : gradient;
    return {result.input, of_addend, result.weight, result.bias, {}, {}, {}, {}, {}};
  }
};

}  // namespace

Tensor fused_batch_norm(const Tensor& input, const Tensor& addend, BatchNormImpl& bn, Activation activation) {
  bn.num_batches_tracked += 1;
  // Without a momentum the running statistics are the mean of all batches'.
  const double momentum =
      bn.options.momentum().has_value() ? *bn.options.momentum() : 1.0 / bn.num_batches_tracked.item<double>();
  // Functions take no undefined tensors.
  const std::optional<Tensor> given = addend.defined() ? std::make_optional(addend) : std::nullopt;
  return FusedBatchNorm::apply(input, given, bn.weight, bn.bias, bn.running_mean, bn.running_var, momentum,
                               bn.options.eps(), static_cast<int64_t>(clamp_of(activation)));
}

}  // namespace assemble::nn
