// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/efficient_channel_attention.h"

#include <nlohmann/json.hpp>

#include "module_checks.h"
#include "test_support.h"

namespace assemble::nn {
namespace {

torch::Tensor tensor_of(const nlohmann::json& values, std::vector<int64_t> shape) {
  return torch::tensor(values.get<std::vector<float>>()).view(shape);
}

TEST(EfficientChannelAttention, IsThatOfTimm) {
  const auto cases =
      nlohmann::json::parse(test::read_text(test::stored_golden("techniques/efficient_channel_attention.json")));
  EXPECT_EQ(cases.size(), 6u);
  for (const nlohmann::json& stored : cases) {
    const int64_t channels = stored.at("channels");
    EXPECT_EQ(eca_kernel(channels), stored.at("kernel").get<int64_t>()) << channels;
    if (!stored.contains("weight")) continue;
    EfficientChannelAttention eca(channels);
    {
      const torch::NoGradGuard no_grad;
      eca->weight.copy_(tensor_of(stored.at("weight"), {1, 1, -1, 1}));
    }
    const torch::Tensor input = tensor_of(stored.at("input"), {2, channels, 2, 3});
    test::expect_near(eca->forward(input), tensor_of(stored.at("output"), {2, channels, 2, 3}), 1e-6);
  }
}

TEST(EfficientChannelAttention, HasOneFilter) {
  EfficientChannelAttention eca(64);
  EXPECT_EQ(test::parameter_names(*eca), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(eca->weight.sizes(), (std::vector<int64_t>{1, 1, 3, 1}));
}

TEST(EfficientChannelAttention, Gradient) {
  EfficientChannelAttention eca(6);
  const torch::Tensor input = test::random_tensor({2, 6, 3, 3}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(eca, input, [&](const torch::Tensor& x) { return eca->forward(x); }), 1e-6);
}

}  // namespace
}  // namespace assemble::nn
