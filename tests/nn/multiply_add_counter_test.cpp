// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/multiply_add_counter.h"

#include "assemble/nn/blur_pool.h"
#include "assemble/nn/dense.h"
#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(MultiplyAddCounter, CountsOneImageWhateverTheBatch) {
  Conv conv(ConvOptions{.in_channels = 3, .out_channels = 8, .kernel = 3, .stride = 2});
  Conv depthwise(ConvOptions{.in_channels = 8, .out_channels = 8, .kernel = 3, .groups = 8});
  Dense dense(DenseOptions{.in_features = 8, .out_features = 5});
  for (const int64_t batch : {0, 1, 4}) {
    const MultiplyAddCounter counter;
    const torch::Tensor features = depthwise->forward(conv->forward(torch::zeros({batch, 3, 16, 12})));
    dense->forward(features.mean({2, 3}));
    EXPECT_EQ(counter.total(), 3 * 8 * 9 * 8 * 6 + 8 * 9 * 8 * 6 + 8 * 5);
  }
}

TEST(MultiplyAddCounter, LeavesOutBlurFilters) {
  BlurPool blur(BlurPoolOptions{.size = 3, .stride = 2});
  const MultiplyAddCounter counter;
  blur->forward(torch::zeros({1, 4, 8, 8}));
  EXPECT_EQ(counter.total(), 0);
}

TEST(MultiplyAddCounter, TheInnermostCounts) {
  const MultiplyAddCounter outer;
  MultiplyAddCounter::add(2);
  {
    const MultiplyAddCounter inner;
    MultiplyAddCounter::add(3);
    EXPECT_EQ(inner.total(), 3);
  }
  MultiplyAddCounter::add(5);
  EXPECT_EQ(outer.total(), 7);
}

}  // namespace
}  // namespace assemble::nn
