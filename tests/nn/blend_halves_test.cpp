// SPDX-License-Identifier: Apache-2.0
// What a selective kernel blends in one pass, against LibTorch's operations. The header is internal, so through the
// module.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/nn/selective_kernel.h"
#include "simd_targets.h"
#include "test_support.h"

namespace assemble::nn {
namespace {

struct Step {
  torch::Tensor output, input_gradient;
  std::vector<torch::Tensor> weight_gradients;
};

Step run(const SelectiveKernelOptions& options, torch::ScalarType type, torch::MemoryFormat layout) {
  SelectiveKernel kernel(options);
  initialise_weights(*kernel, 4);
  kernel->to(type);
  torch::manual_seed(6);
  const torch::Tensor input =
      torch::randn({3, options.in_channels, 18, 17}).to(type).contiguous(layout).requires_grad_();
  const torch::Tensor output = kernel->forward(input);
  torch::manual_seed(7);
  output.backward(torch::randn(output.sizes()).to(type));
  Step step{output.detach().to(torch::kDouble), input.grad().to(torch::kDouble), {}};
  for (const auto& weight : kernel->parameters()) step.weight_gradients.push_back(weight.grad().to(torch::kDouble));
  return step;
}

void expect_close(const torch::Tensor& found, const torch::Tensor& expected, const std::string& what) {
  EXPECT_LT((found - expected).abs().max().item<double>(), 2e-5 * expected.abs().max().item<double>()) << what;
}

TEST(BlendHalves, StepIsThatOfTheOperationsOneByOne) {
  for (const int64_t filters : {16, 20}) {
    const SelectiveKernelOptions options{.in_channels = 8, .filters = filters};
    // Doubles are computed by LibTorch, one operation after the other.
    const Step apart = run(options, torch::kDouble, torch::MemoryFormat::ChannelsLast);
    test::for_each_simd_target([&](const std::string& target) {
      const Step fused = run(options, torch::kFloat, torch::MemoryFormat::ChannelsLast);
      expect_close(fused.output, apart.output, target);
      expect_close(fused.input_gradient, apart.input_gradient, target);
      for (size_t i = 0; i < apart.weight_gradients.size(); ++i) {
        expect_close(fused.weight_gradients[i], apart.weight_gradients[i], target + ", weight " + std::to_string(i));
      }
    });
  }
}

}  // namespace
}  // namespace assemble::nn
