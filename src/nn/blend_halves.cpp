// SPDX-License-Identifier: Apache-2.0
#include "blend_halves.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "channel_tensors.h"

namespace assemble::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kPixelsSummed = 256;  // in floats, before they join the doubles

Tensor rows_of(const Tensor& weight) { return weight.flatten(1).to(torch::kFloat).contiguous(); }

template <typename Value>
void blend(const Tensor& halves, const Tensor& weight, const Tensor& output) {
  const ChannelPasses<Value> passes = channel_passes<Value>();
  const int64_t channels = output.size(1), pixels = output.size(2) * output.size(3);
  at::parallel_for(0, output.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      passes.blend_halves(data_of<Value>(halves) + 2 * n * pixels * channels, data_of<float>(weight) + n * channels,
                          pixels, channels, mutable_data_of<Value>(output) + n * pixels * channels);
    }
  });
}

/// Of one image.
template <typename Value>
void blend_gradients(const Value* gradient, const Value* halves, const float* weight, int64_t pixels, int64_t channels,
                     Value* of_halves, float* of_weight) {
  const ChannelPasses<Value> passes = channel_passes<Value>();
  std::vector<double> total(static_cast<size_t>(channels), 0.0);
  std::vector<float> sums(total.size());
  for (int64_t done = 0; done < pixels; done += kPixelsSummed) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    passes.blend_gradients(gradient + done * channels, halves + 2 * done * channels, weight,
                           std::min(kPixelsSummed, pixels - done), channels, of_halves + 2 * done * channels,
                           sums.data());
    for (size_t c = 0; c < total.size(); ++c) total[c] += sums[c];
  }
  std::transform(total.begin(), total.end(), of_weight, [](double sum) { return static_cast<float>(sum); });
}

class BlendHalves : public torch::autograd::Function<BlendHalves> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& halves, const Tensor& weight) {
    const Tensor output = torch::empty({halves.size(0), halves.size(1) / 2, halves.size(2), halves.size(3)},
                                       halves.options(), torch::MemoryFormat::ChannelsLast);
    with_value_type(halves,
                    [&](auto* type) { blend<std::remove_pointer_t<decltype(type)>>(halves, rows_of(weight), output); });
    context->save_for_backward({halves, weight});
    return output;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &halves = saved[0], weight = rows_of(saved[1]);
    const Tensor gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const int64_t channels = gradient.size(1), pixels = gradient.size(2) * gradient.size(3);
    const Tensor of_halves = torch::empty_like(halves), of_weight = torch::empty_like(weight);
    with_value_type(halves, [&](auto* type) {
      using Value = std::remove_pointer_t<decltype(type)>;
      at::parallel_for(0, gradient.size(0), 1, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          const int64_t first = n * pixels * channels;
          blend_gradients(data_of<Value>(gradient) + first, data_of<Value>(halves) + 2 * first,
                          data_of<float>(weight) + n * channels, pixels, channels,
                          mutable_data_of<Value>(of_halves) + 2 * first,
                          mutable_data_of<float>(of_weight) + n * channels);
        }
      });
    });
    return {of_halves, of_weight.reshape(saved[1].sizes()).to(saved[1].scalar_type())};
  }
};

}  // namespace

Tensor blend_halves(const Tensor& halves, const Tensor& weight) { return BlendHalves::apply(halves, weight); }

}  // namespace assemble::nn
