// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/autocast.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace assemble
