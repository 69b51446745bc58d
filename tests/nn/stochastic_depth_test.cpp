// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/stochastic_depth.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/models/resnet.h"
#include "module_checks.h"
#include "test_support.h"

namespace assemble::nn {
namespace {

nlohmann::json golden() {
  return nlohmann::json::parse(test::read_text(test::stored_golden("techniques/stochastic_depth.json")));
}

StochasticDepthState key(uint64_t seed, uint32_t step) { return {.seed = seed, .step = step, .places = {}}; }

TEST(StochasticDepth, DropsAndScalesRowsAsTorchvision) {
  const nlohmann::json stored = golden();
  const auto read = [&](const char* key) {
    return torch::tensor(stored.at(key).get<std::vector<float>>()).view({6, 2, 1, 2});
  };
  const torch::Tensor branch = read("branch"), theirs = read("kept");
  const StochasticDepthOptions options{.last_rate = stored.at("rate"), .block = 1, .blocks = 2};
  // torchvision scales the rows that stay as the mask does, and makes the others 0.
  for (uint32_t step = 0; step < 20; ++step) {
    const auto state = std::make_shared<StochasticDepthState>(key(1, step));
    StochasticDepth layer(options, state);
    const torch::Tensor mask = stochastic_depth_mask(options, *state, 6);
    test::expect_near(layer->forward(branch), branch * mask, 0);
    for (int64_t i = 0; i < 6; ++i) {
      const bool both_stay = mask[i].item<float>() != 0 && theirs[i].abs().sum().item<float>() != 0;
      if (both_stay) test::expect_near(layer->forward(branch)[i], theirs[i], 1e-6);
    }
  }
}

TEST(StochasticDepth, RatesAreThoseOfTimm) {
  const nlohmann::json stored = golden();
  const Classifier model = make_classifier(Arch::parse("resnet50+w4"), {.classes = 2, .stochastic_depth = 0.2}, 1);
  std::vector<double> rates;
  for (const auto& module : model->modules()) {
    if (const auto* depth = module->as<StochasticDepthImpl>()) rates.push_back(depth->options.rate());
  }
  ASSERT_EQ(rates.size(), 16u);
  for (size_t i = 0; i < rates.size(); ++i) EXPECT_NEAR(rates[i], stored.at("rates").at(i).get<double>(), 1e-12) << i;
}

TEST(StochasticDepth, EveryBlockOfABigLittleNetworkHasANumberOfItsOwn) {
  for (const char* arch : {"resnet50+bl+w8", "resnet101+bl+sk+w8", "resnet50+d+w8"}) {
    const Classifier model = make_classifier(Arch::parse(arch), {.classes = 2, .stochastic_depth = 0.2}, 1);
    std::vector<bool> seen;
    for (const auto& module : model->modules()) {
      const auto* depth = module->as<StochasticDepthImpl>();
      if (!depth) continue;
      seen.resize(depth->options.blocks);
      ASSERT_LT(depth->options.block, seen.size());
      EXPECT_FALSE(seen[depth->options.block]) << arch;
      seen[depth->options.block] = true;
    }
    EXPECT_FALSE(seen.empty());
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool block) { return block; })) << arch;
  }
}

TEST(StochasticDepth, PassesThroughInEvaluationAndWithARateOfZero) {
  const auto state = std::make_shared<StochasticDepthState>();
  const torch::Tensor branch = torch::ones({8, 1, 1, 1});
  StochasticDepth first(StochasticDepthOptions{.last_rate = 0.9, .block = 0, .blocks = 3}, state);
  EXPECT_TRUE(first->forward(branch).is_same(branch));
  StochasticDepth last(StochasticDepthOptions{.last_rate = 0.9, .block = 2, .blocks = 3}, state);
  EXPECT_FALSE(last->forward(branch).is_same(branch));
  last->eval();
  EXPECT_TRUE(last->forward(branch).is_same(branch));
}

TEST(StochasticDepth, AnImagesValueDependsOnItsPlaceInTheStepAlone) {
  const StochasticDepthOptions options{.last_rate = 0.5, .block = 3, .blocks = 4};
  StochasticDepthState state = key(2, 7);
  const torch::Tensor whole = stochastic_depth_mask(options, state, 64);
  state.places = {40, 3, 63};
  EXPECT_TRUE(stochastic_depth_mask(options, state, 3).equal(whole.index_select(0, torch::tensor({40, 3, 63}))));
  state = key(2, 8);
  EXPECT_FALSE(stochastic_depth_mask(options, state, 64).equal(whole));
  StochasticDepthOptions other = options;
  other.block = 2;
  other.blocks = 3;
  EXPECT_FALSE(stochastic_depth_mask(other, key(2, 7), 64).equal(whole));
  const torch::Tensor many = stochastic_depth_mask(options, state, 20000);
  EXPECT_NEAR(many.mean().item<double>(), 1, 0.04);
  EXPECT_EQ(many.max().item<float>(), 2.f);
}

TEST(StochasticDepth, Gradient) {
  const auto state = std::make_shared<StochasticDepthState>(key(3, 0));
  StochasticDepth layer(StochasticDepthOptions{.last_rate = 0.5}, state);
  const torch::Tensor input = test::random_tensor({5, 2, 2, 2}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(layer, input, [&](const torch::Tensor& x) { return layer->forward(x); }), 1e-6);
}

TEST(StochasticDepth, MasksThatAreDrawnBeforehandAreThoseOfTheLayers) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 2, .stochastic_depth = 0.5}, 1);
  StochasticDepthState& shared = model->stochastic_depth_state();
  shared.seed = 4;
  shared.step = 9;
  shared.places = {5, 0, 3, 1};
  const torch::Tensor images = test::random_tensor({4, 3, 32, 32});
  const torch::Tensor wanted = model->forward(images);
  shared.masks = stochastic_depth_masks(*model, shared, 4);
  EXPECT_EQ(shared.masks.sizes(), (std::vector<int64_t>{16, 4}));
  shared.step = 10;  // no longer looked at
  EXPECT_TRUE(model->forward(images).equal(wanted));
  EXPECT_FALSE(
      stochastic_depth_masks(*make_classifier(Arch::parse("mobilenet_v1+w8"), {.classes = 2}), shared, 4).defined());
}

}  // namespace
}  // namespace assemble::nn
