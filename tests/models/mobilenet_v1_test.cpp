// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/mobilenet_v1.h"

#include "../nn/module_checks.h"
#include "assemble/nn/drop_block.h"

namespace assemble {
namespace {

TEST(MobileNetV1, UnitsHaveThePapersShapes) {
  const Classifier model = make_classifier(Arch::parse("mobilenet_v1"), {.classes = 5});
  model->eval();
  const torch::NoGradGuard no_grad;
  Endpoints endpoints;
  model->forward(torch::zeros({1, 3, 64, 64}), endpoints);
  const std::vector<std::pair<int64_t, int64_t>> expected{{32, 32}, {64, 32}, {128, 16}, {128, 16}, {256, 8},
                                                          {256, 8}, {512, 4}, {512, 4},  {512, 4},  {512, 4},
                                                          {512, 4}, {512, 4}, {1024, 2}, {1024, 2}};
  ASSERT_EQ(endpoints.size(), expected.size() + 2);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(endpoints[i].second.size(1), expected[i].first) << endpoints[i].first;
    EXPECT_EQ(endpoints[i].second.size(2), expected[i].second) << endpoints[i].first;
  }
  EXPECT_EQ(endpoints[expected.size()].first, "mobilenet_v1/final_reduce_mean");
}

TEST(MobileNetV1, WidthMultiplierOneHalfIsW16) {
  const ModelCost full = measure_cost(Arch::parse("mobilenet_v1"), 1000, 224);
  const ModelCost half = measure_cost(Arch::parse("mobilenet_v1+w16"), 1000, 224);
  // The paper's table of width multipliers: 4.2 M and 569 M, 1.3 M and 149 M.
  EXPECT_NEAR(static_cast<double>(full.parameters) / 1e6, 4.2, 0.05);
  EXPECT_NEAR(static_cast<double>(full.multiply_adds) / 1e6, 569, 1);
  EXPECT_NEAR(static_cast<double>(half.parameters) / 1e6, 1.3, 0.05);
  EXPECT_NEAR(static_cast<double>(half.multiply_adds) / 1e6, 149, 1);
}

TEST(MobileNetV1, SqueezeExciteIsInEveryUnit) {
  const Classifier model = make_empty_classifier(Arch::parse("mobilenet_v1+se2"), {.classes = 5});
  int64_t found = 0;
  for (const auto& item : model->named_parameters()) {
    if (item.key().find("se.fc1.weight") == std::string::npos) continue;
    EXPECT_EQ(item.value().size(0) * 2, item.value().size(1)) << item.key();
    ++found;
  }
  EXPECT_EQ(found, 13);
}

TEST(MobileNetV1, DropBlockIsInTheLastTwoResolutions) {
  const Classifier model = make_empty_classifier(Arch::parse("mobilenet_v1"), {.classes = 5, .drop_block = true});
  int64_t weak = 0, full = 0;
  for (const auto& module : model->modules()) {
    if (const auto* drop = module->as<nn::DropBlockImpl>()) (drop->options.gamma_scale < 1 ? weak : full)++;
  }
  EXPECT_EQ(weak, 2 * 6);
  EXPECT_EQ(full, 2 * 2);
}

}  // namespace
}  // namespace assemble
