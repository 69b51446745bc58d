// SPDX-License-Identifier: Apache-2.0
// The batch norm that training computes in few passes, against LibTorch's operations one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/functional/batchnorm.h>

#include "assemble/nn/batch_norm.h"
#include "simd_targets.h"
#include "test_support.h"

namespace assemble::nn {
namespace {

struct Step {
  torch::Tensor output, input_gradient, addend_gradient, weight_gradient, bias_gradient, running_mean, running_var;

  std::vector<torch::Tensor> all() const {
    return {output, input_gradient, addend_gradient, weight_gradient, bias_gradient, running_mean, running_var};
  }
};

struct Inputs {
  torch::Tensor input, addend, weight, bias, upstream;
};

Inputs draw(at::IntArrayRef shape, bool adds, torch::ScalarType type) {
  torch::manual_seed(3);
  const auto channels_last = [&](const torch::Tensor& values) {
    return values.to(type).contiguous(torch::MemoryFormat::ChannelsLast);
  };
  // Channels lie apart, so that a wrong one shows.
  const torch::Tensor place = torch::linspace(-2, 2, shape[1]).reshape({1, shape[1], 1, 1});
  return {.input = channels_last(torch::randn(shape) * 1.5 + place),
          .addend = adds ? channels_last(torch::randn(shape)) : torch::Tensor(),
          .weight = torch::rand(shape[1]) + 0.5,
          .bias = torch::randn(shape[1]),
          .upstream = channels_last(torch::randn(shape))};
}

template <class Forward>
Step run(const Inputs& inputs, const Forward& forward) {
  const auto leaf = [](const torch::Tensor& values) {
    return values.defined() ? values.detach().clone().requires_grad_() : torch::Tensor();
  };
  const torch::Tensor input = leaf(inputs.input), addend = leaf(inputs.addend);
  BatchNorm bn = make_batch_norm(inputs.weight.size(0), 0.8);
  {
    const torch::NoGradGuard no_grad;
    bn->weight.copy_(inputs.weight);
    bn->bias.copy_(inputs.bias);
  }
  const torch::Tensor output = forward(bn, input, addend);
  output.backward(inputs.upstream);
  return {output.detach(),   input.grad(),    addend.defined() ? addend.grad() : torch::zeros(1),
          bn->weight.grad(), bn->bias.grad(), bn->running_mean,
          bn->running_var};
}

Step run_fused(const Inputs& inputs, Activation activation) {
  return run(inputs, [&](BatchNorm& bn, const torch::Tensor& input, const torch::Tensor& addend) {
    return addend.defined() ? bn->forward_sum(input, addend, activation) : bn->forward(input, activation);
  });
}

Step run_apart(const Inputs& inputs, Activation activation) {
  return run(inputs, [&](BatchNorm& bn, const torch::Tensor& input, const torch::Tensor& addend) {
    torch::Tensor output = torch::batch_norm(input, bn->weight, bn->bias, bn->running_mean, bn->running_var, true, 0.2,
                                             kBatchNormEpsilon, false);
    if (addend.defined()) output = output + addend;
    return activation == Activation::kNone   ? output
           : activation == Activation::kRelu ? output.relu()
                                             : torch::relu6(output);
  });
}

void expect_close(const Step& fused, const Step& apart, double tolerance, const std::string& what) {
  const std::vector<torch::Tensor> left = fused.all(), right = apart.all();
  for (size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].scalar_type(), right[i].scalar_type()) << what;
    const torch::Tensor expected = right[i].to(torch::kDouble), found = left[i].to(torch::kDouble);
    const double scale = std::max(expected.abs().max().item<double>(), 1e-3);
    EXPECT_LT((found - expected).abs().max().item<double>(), tolerance * scale) << what << ", tensor " << i;
  }
}

TEST(FusedBatchNorm, StepIsThatOfTheOperationsOneByOne) {
  const std::vector<std::vector<int64_t>> shapes{{4, 16, 9, 7},   {3, 3, 5, 5},    {2, 24, 8, 8}, {5, 257, 3, 3},
                                                 {2, 64, 40, 40}, {6, 2048, 1, 1}, {2, 1, 6, 6}};
  for (const auto& shape : shapes) {
    for (const bool adds : {false, true}) {
      for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
        Inputs inputs = draw(shape, adds, torch::kFloat);
        // Where a clamp begins, the last bit decides what passes.
        const torch::Tensor sum = run_apart(inputs, Activation::kNone).output;
        inputs.upstream = inputs.upstream * (sum.abs() > 1e-4) * ((sum - 6).abs() > 1e-4);
        expect_close(run_fused(inputs, activation), run_apart(inputs, activation), 2e-5,
                     "shape " + std::to_string(shape[1]) + ", adds " + std::to_string(adds) + ", activation " +
                         std::to_string(static_cast<int>(activation)));
      }
    }
  }
}

TEST(FusedBatchNorm, EveryKindOfProcessorComputesIt) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    const Inputs inputs = draw({3, 20, 7, 5}, true, type);
    const Step own = run_fused(inputs, Activation::kRelu6);
    test::for_each_simd_target([&](const std::string& target) {
      expect_close(run_fused(inputs, Activation::kRelu6), own, type == torch::kFloat ? 1e-5 : 1.0 / 128, target);
    });
  }
}

TEST(FusedBatchNorm, ShortNumbersDifferByTheirRounding) {
  for (const bool adds : {false, true}) {
    const Inputs inputs = draw({4, 32, 12, 12}, adds, torch::kBFloat16);
    Inputs exact = inputs;
    for (torch::Tensor* tensor : {&exact.input, &exact.upstream}) *tensor = tensor->to(torch::kFloat);
    if (adds) exact.addend = exact.addend.to(torch::kFloat);
    Step fused = run_fused(inputs, Activation::kRelu);
    EXPECT_EQ(fused.output.scalar_type(), torch::kBFloat16);
    for (torch::Tensor* tensor : {&fused.output, &fused.input_gradient, &fused.addend_gradient}) {
      *tensor = tensor->to(torch::kFloat);
    }
    expect_close(fused, run_apart(exact, Activation::kRelu), 1.0 / 256, "bf16");
  }
}

TEST(FusedBatchNorm, RoundsToNearestAndHalvesToEven) {
  // With one value a channel apart from zeros the outputs are the addends, whose rounding is known.
  Inputs inputs = draw({2, 16, 4, 4}, true, torch::kBFloat16);
  inputs.weight.zero_();
  inputs.bias.fill_(1.0F / 256);
  inputs.addend.fill_(1);
  const Step low = run_fused(inputs, Activation::kNone);
  EXPECT_TRUE((low.output == 1).all().item<bool>());  // half a step above an even number
  inputs.addend.fill_(1 + 1.0F / 128);
  const Step high = run_fused(inputs, Activation::kNone);
  EXPECT_TRUE((high.output == 1 + 2.0F / 128).all().item<bool>());
}

TEST(FusedBatchNorm, ThreadsDoNotChangeABit) {
  const Inputs inputs = draw({8, 48, 33, 31}, true, torch::kFloat);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Step alone = run_fused(inputs, Activation::kRelu);
  at::set_num_threads(3);
  const Step together = run_fused(inputs, Activation::kRelu);
  at::set_num_threads(before);
  const std::vector<torch::Tensor> left = alone.all(), right = together.all();
  for (size_t i = 0; i < left.size(); ++i) EXPECT_TRUE(torch::equal(left[i], right[i])) << i;
}

TEST(FusedBatchNorm, FarFromZeroTheVarianceKeepsItsDigits) {
  Inputs inputs = draw({4, 16, 32, 32}, false, torch::kFloat);
  inputs.input = (inputs.input + 3000).contiguous(torch::MemoryFormat::ChannelsLast);
  const Step fused = run_fused(inputs, Activation::kNone);
  const torch::Tensor exact = inputs.input.to(torch::kDouble).var({0, 2, 3});
  const torch::Tensor measured = (fused.running_var.to(torch::kDouble) - 0.8) / 0.2;
  EXPECT_LT(((measured - exact) / exact).abs().max().item<double>(), 1e-5);
}

TEST(FusedBatchNorm, NumbersThatAreNoneComeThrough) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    Inputs inputs = draw({2, 16, 4, 4}, false, type);
    inputs.input[0][3][1][1] = std::numeric_limits<float>::quiet_NaN();
    const torch::Tensor output = run_fused(inputs, Activation::kRelu).output;
    EXPECT_TRUE(output.select(1, 3).isnan().all().item<bool>());
    EXPECT_FALSE(output.select(1, 4).isnan().any().item<bool>());
  }
}

TEST(FusedBatchNorm, GradientsOfAnyLayoutAreTaken) {
  Inputs inputs = draw({2, 16, 4, 4}, false, torch::kFloat);
  const Step plain = run_fused(inputs, Activation::kRelu);
  inputs.upstream = inputs.upstream.contiguous();
  const Step rows = run_fused(inputs, Activation::kRelu);
  EXPECT_TRUE(torch::equal(plain.input_gradient, rows.input_gradient));
  inputs.upstream = torch::ones({}).expand({2, 16, 4, 4});
  expect_close(run_fused(inputs, Activation::kRelu), run_apart(inputs, Activation::kRelu), 2e-5, "one number");
}

}  // namespace
}  // namespace assemble::nn
