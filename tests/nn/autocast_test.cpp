// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/autocast.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace assemble {
namespace {

TEST(AutocastGuard, LeavesAutocastAsItWas) {
  const auto device = torch::kCPU;
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::set_autocast_dtype(device, torch::kHalf);
  {
    const AutocastGuard outer(device, Precision::kBf16);
    { const AutocastGuard inner(device, Precision::kBf16); }
    EXPECT_TRUE(at::autocast::is_autocast_enabled(device)) << "still in the outer one";
    EXPECT_EQ(at::autocast::get_autocast_dtype(device), torch::kBFloat16);
  }
  EXPECT_TRUE(at::autocast::is_autocast_enabled(device));
  EXPECT_EQ(at::autocast::get_autocast_dtype(device), torch::kHalf);
  at::autocast::set_autocast_enabled(device, false);
  at::autocast::set_autocast_dtype(device, torch::kBFloat16);
  { const AutocastGuard guard(device, Precision::kBf16); }
  EXPECT_FALSE(at::autocast::is_autocast_enabled(device));
}

TEST(AutocastGuard, ComputesInTheTypeOfThePrecision) {
  const torch::Tensor input = torch::ones({1, 2, 4, 4}), weight = torch::ones({3, 2, 1, 1});
  const std::pair<Precision, torch::ScalarType> kTypes[] = {{Precision::kF32, torch::kFloat},
                                                            {Precision::kBf16, torch::kBFloat16},
                                                            {Precision::kF16, torch::kHalf},
                                                            {Precision::kInt8, torch::kFloat}};
  for (const auto& [precision, type] : kTypes) {
    const AutocastGuard guard(torch::kCPU, precision);
    EXPECT_EQ(torch::conv2d(input, weight).scalar_type(), type) << precision_name(precision);
  }
}

}  // namespace
}  // namespace assemble
