// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/kept_buffers.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "assemble/nn/conv_bn.h"

namespace assemble::nn {
namespace {

TEST(KeptBuffers, PutsRunningStatisticsBackAlsoAfterAnError) {
  BatchNorm bn = make_batch_norm(2, 0.5);
  const torch::Tensor images = torch::full({4, 2, 3, 3}, 8.f);
  EXPECT_THROW(
      {
        const KeptBuffers kept(*bn);
        bn->forward(images);
        EXPECT_EQ(bn->running_mean[0].item<float>(), 4);
        throw std::runtime_error("meanwhile");
      },
      std::runtime_error);
  EXPECT_EQ(bn->running_mean[0].item<float>(), 0);
  EXPECT_EQ(bn->num_batches_tracked.item<int64_t>(), 0);
}

}  // namespace
}  // namespace assemble::nn
