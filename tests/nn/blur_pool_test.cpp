// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/blur_pool.h"

#include <atomic>
#include <thread>

#include "assemble/core/error.h"
#include "module_checks.h"

namespace assemble::nn {
namespace {

using test::expect_near;
using test::plane;

torch::Tensor blur(const torch::Tensor& input, int64_t size, int64_t stride = 2) {
  return BlurPool(BlurPoolOptions{.size = size, .stride = stride})->forward(input);
}

int64_t mirrored(int64_t index, int64_t size) {
  if (index < 0) return -index;
  return index >= size ? 2 * (size - 1) - index : index;
}

/// The definition, element by element.
torch::Tensor slow_blur(const torch::Tensor& input, int64_t size, int64_t stride) {
  const std::vector<double> row = binomial_filter(size);
  const int64_t padding = (size - 1) / 2, height = input.size(2), width = input.size(3);
  torch::Tensor output = torch::zeros({input.size(0), input.size(1), (height + 2 * padding - size) / stride + 1,
                                       (width + 2 * padding - size) / stride + 1},
                                      input.options());
  for (int64_t y = 0; y < output.size(2); ++y) {
    for (int64_t x = 0; x < output.size(3); ++x) {
      for (int64_t i = 0; i < size; ++i) {
        for (int64_t j = 0; j < size; ++j) {
          const int64_t from_y = mirrored(y * stride + i - padding, height);
          const int64_t from_x = mirrored(x * stride + j - padding, width);
          output.select(3, x).select(2, y) += row[i] * row[j] * input.select(3, from_x).select(2, from_y);
        }
      }
    }
  }
  return output;
}

TEST(BlurPool, FiltersAreBinomial) {
  EXPECT_EQ(binomial_filter(1), (std::vector<double>{1}));
  EXPECT_EQ(binomial_filter(2), (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(binomial_filter(3), (std::vector<double>{0.25, 0.5, 0.25}));
  EXPECT_EQ(binomial_filter(5), (std::vector<double>{1 / 16., 4 / 16., 6 / 16., 4 / 16., 1 / 16.}));
  EXPECT_EQ(binomial_filter(7),
            (std::vector<double>{1 / 64., 6 / 64., 15 / 64., 20 / 64., 15 / 64., 6 / 64., 1 / 64.}));
}

TEST(BlurPool, RefusesOtherSizes) {
  EXPECT_THROW(BlurPool(BlurPoolOptions{.size = 0}), UsageError);
  EXPECT_THROW(BlurPool(BlurPoolOptions{.size = 8}), UsageError);
}

TEST(BlurPool, MirrorsAtTheEdge) {
  const torch::Tensor ramp = torch::arange(4.f).expand({1, 1, 4, 4}).contiguous();
  expect_near(blur(ramp, 3), plane({{0.5, 2}, {0.5, 2}}), 1e-6);
}

TEST(BlurPool, EvenSizesAndSizeOne) {
  const torch::Tensor input = torch::arange(16.f).view({1, 1, 4, 4});
  expect_near(blur(input, 1), plane({{0, 2}, {8, 10}}), 0);
  expect_near(blur(input, 2), plane({{2.5, 4.5}, {10.5, 12.5}}), 1e-6);
  EXPECT_EQ(blur(torch::zeros({1, 1, 8, 9}), 4).sizes(), (std::vector<int64_t>{1, 1, 4, 4}));
  EXPECT_EQ(blur(torch::zeros({1, 1, 8, 9}), 6).sizes(), (std::vector<int64_t>{1, 1, 4, 4}));
  EXPECT_EQ(blur(torch::zeros({1, 1, 8, 9}), 3).sizes(), (std::vector<int64_t>{1, 1, 4, 5}));
}

TEST(BlurPool, EqualsItsDefinitionForEverySize) {
  for (int64_t size = 1; size <= 7; ++size) {
    for (const int64_t stride : {1, 2}) {
      const torch::Tensor input = test::random_tensor({2, 3, 9, 8}).contiguous(torch::MemoryFormat::ChannelsLast);
      expect_near(blur(input, size, stride), slow_blur(input, size, stride), 2e-6);
    }
  }
}

TEST(BlurPool, OneModuleServesTypesAndChannelCountsInTurn) {
  BlurPool module(BlurPoolOptions{.size = 3});
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const int64_t channels : {2, 5}) {
      const torch::Tensor input = test::random_tensor({1, channels, 6, 6}, 1, type);
      expect_near(module->forward(input), slow_blur(input, 3, 2), 1e-6);
    }
  }
}

TEST(BlurPool, OneModuleServesThreadsAtOnce) {
  BlurPool module(BlurPoolOptions{.size = 3});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (const int64_t channels : {2, 3, 5, 7}) {
    threads.emplace_back([&, channels] {
      const torch::Tensor input = test::random_tensor({1, channels, 6, 6}, static_cast<uint64_t>(channels));
      const torch::Tensor expected = slow_blur(input, 3, 2);
      for (int i = 0; i < 200; ++i) wrong += !torch::allclose(module->forward(input), expected, 0, 1e-6);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(BlurPool, HasNoState) {
  BlurPool module(BlurPoolOptions{.size = 3});
  module->forward(torch::zeros({1, 2, 4, 4}));
  EXPECT_TRUE(module->parameters().empty());
  EXPECT_TRUE(module->buffers().empty());
}

TEST(BlurPool, Gradient) {
  for (const int64_t size : {2, 3, 5}) {
    BlurPool module(BlurPoolOptions{.size = size});
    const torch::Tensor input = test::random_tensor({1, 2, 5, 6}, 2, torch::kDouble);
    EXPECT_LT(test::module_gradient_error(module, input, [&](const torch::Tensor& x) { return module->forward(x); }),
              1e-7);
  }
}

}  // namespace
}  // namespace assemble::nn
