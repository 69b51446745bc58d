// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/batch_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble::nn {
namespace {

/// Processes that are threads: each waits until all have given their values.
class Meeting {
 public:
  explicit Meeting(size_t count) : parts_(count) {}

  torch::Tensor gather(size_t rank, const torch::Tensor& part) {
    std::unique_lock lock(mutex_);
    parts_[rank] = part.detach().clone();
    const int64_t round = round_;
    if (++given_ == parts_.size()) {
      all_ = torch::stack(parts_);
      given_ = 0;
      ++round_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return round_ != round; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<torch::Tensor> parts_;
  torch::Tensor all_;
  size_t given_ = 0;
  int64_t round_ = 0;
};

struct Result {
  torch::Tensor output, input_gradient, weight_gradient, bias_gradient, running_mean, running_var;
};

Result run(BatchNorm bn, const torch::Tensor& input, const torch::Tensor& upstream) {
  torch::Tensor leaf = input.clone().requires_grad_();
  const torch::Tensor output = bn->forward(leaf);
  output.backward(upstream);
  return {output.detach(), leaf.grad(), bn->weight.grad(), bn->bias.grad(), bn->running_mean, bn->running_var};
}

BatchNorm drawn(int64_t channels) {
  torch::manual_seed(5);
  BatchNorm bn = make_batch_norm(channels, 0.7);
  const torch::NoGradGuard no_grad;
  bn->weight.uniform_(0.5, 2);
  bn->bias.normal_();
  return bn;
}

double off(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Parts of unequal sizes, far from zero mean.
TEST(SharedBatchNorm, IsTheBatchNormOfAllPartsTogether) {
  torch::manual_seed(3);
  const torch::Tensor input = (torch::randn({9, 4, 3, 5}) * 2 + 7).to(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor upstream = torch::randn({9, 4, 3, 5});
  const Result whole = run(drawn(4), input, upstream);

  Meeting meeting(3);
  std::vector<Result> parts(3);
  const std::vector<int64_t> begins{0, 1, 4, 9};
  std::vector<BatchNorm> norms;
  for (size_t rank = 0; rank < 3; ++rank) norms.push_back(drawn(4));
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < 3; ++rank) {
    threads.emplace_back([&, rank] {
      norms[rank]->share_statistics([&meeting, rank](const torch::Tensor& part) { return meeting.gather(rank, part); });
      const int64_t begin = begins[rank], count = begins[rank + 1] - begin;
      parts[rank] = run(norms[rank], input.narrow(0, begin, count), upstream.narrow(0, begin, count));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto joined = [&](torch::Tensor Result::*member) {
    return torch::cat({parts[0].*member, parts[1].*member, parts[2].*member});
  };
  EXPECT_LT(off(joined(&Result::output), whole.output), 1e-5);
  EXPECT_LT(off(joined(&Result::input_gradient), whole.input_gradient), 1e-5);
  EXPECT_LT(off(parts[0].weight_gradient + parts[1].weight_gradient + parts[2].weight_gradient, whole.weight_gradient),
            1e-4);
  EXPECT_LT(off(parts[0].bias_gradient + parts[1].bias_gradient + parts[2].bias_gradient, whole.bias_gradient), 1e-4);
  for (const Result& part : parts) {
    EXPECT_LT(off(part.running_mean, whole.running_mean), 1e-5);
    EXPECT_LT(off(part.running_var, whole.running_var), 1e-5);
    EXPECT_TRUE(part.running_var.equal(parts[0].running_var)) << "the same bits everywhere";
  }
}

TEST(SharedBatchNorm, SumsOfShortFloatsAreLongOnes) {
  torch::manual_seed(3);
  const torch::Tensor input = (torch::randn({8, 4, 6, 6}) + 7).to(torch::kBFloat16);
  const torch::Tensor upstream = torch::randn({8, 4, 6, 6}).to(torch::kBFloat16);
  const Result whole = run(drawn(4), input, upstream);
  BatchNorm bn = drawn(4);
  bn->share_statistics([](const torch::Tensor& part) { return part.unsqueeze(0); });
  const Result shared = run(bn, input, upstream);
  EXPECT_LT(off(shared.running_mean, whole.running_mean), 1e-5);
  EXPECT_LT(off(shared.running_var, whole.running_var), 1e-5);
  EXPECT_LT(off(shared.output, whole.output), 0.05);
  EXPECT_LT(off(shared.input_gradient, whole.input_gradient), 0.05);
  EXPECT_LT(off(shared.weight_gradient, whole.weight_gradient), 0.5);
}

TEST(SharedBatchNorm, EvaluationAsksNobody) {
  BatchNorm bn = drawn(2);
  bn->share_statistics([](const torch::Tensor&) -> torch::Tensor { throw std::logic_error("asked"); });
  bn->eval();
  EXPECT_NO_THROW(bn->forward(torch::ones({1, 2, 1, 1})));
}

TEST(SharedBatchNorm, RefusesBatchNormsThatCannotBeShared) {
  torch::nn::Sequential network(torch::nn::BatchNorm2d(3));
  EXPECT_THAT(test::error_of<UsageError>(
                  [&] { share_batch_statistics(*network, [](const torch::Tensor& part) { return part; }); }),
              testing::HasSubstr("`sync_bn`"));
}

}  // namespace
}  // namespace assemble::nn
