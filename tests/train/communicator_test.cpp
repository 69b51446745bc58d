// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <map>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/models/registry.h"
#include "assemble/nn/batch_norm.h"
#include "assemble/train/losses.h"
#include "in_ranks.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::in_ranks;
using ::testing::ElementsAre;

TEST(Communicator, TellsEveryRankOfAll) {
  in_ranks(3, [](const Ranks& place) {
    const std::unique_ptr<Communicator> ranks = connect(place);
    EXPECT_EQ(ranks->rank(), place.rank);
    EXPECT_EQ(ranks->world(), 3);
    EXPECT_THAT(ranks->gather(std::string(static_cast<size_t>(place.rank), 'x')), ElementsAre("", "x", "xx"));
    EXPECT_EQ(ranks->broadcast(concat("of ", place.rank)), "of 0");
    std::array sums{1.0, static_cast<double>(place.rank)};
    ranks->sum(sums);
    EXPECT_THAT(sums, ElementsAre(3, 3));
    const auto mine = static_cast<double>(place.rank);
    EXPECT_TRUE(ranks->gather(torch::full({2}, mine)).equal(torch::tensor({{0.f, 0.f}, {1.f, 1.f}, {2.f, 2.f}})));
    // As filters lie: not one value after the other.
    const auto filters = [&] { return torch::full({2, 3, 2, 2}, mine).to(torch::MemoryFormat::ChannelsLast); };
    const torch::Tensor first = filters(), mean = filters(), count = torch::full({1}, place.rank, torch::kLong);
    ranks->broadcast({first, count});
    EXPECT_TRUE(first.eq(0).all().item<bool>() && count.item<int64_t>() == 0);
    ranks->average({mean, torch::zeros({5})});
    EXPECT_TRUE(mean.eq(1).all().item<bool>());
  });
}

TEST(Communicator, AloneTalksToItself) {
  Communicator alone;
  EXPECT_FALSE(alone.is_shared());
  EXPECT_THAT(alone.gather("x"), ElementsAre("x"));
  EXPECT_EQ(alone.gather(torch::ones({2})).dim(), 2);
}

TEST(Communicator, NamesTheRankWhoseParametersHaveOtherSizes) {
  in_ranks(2, [](const Ranks& place) {
    const std::unique_ptr<Communicator> ranks = connect(place);
    const torch::Tensor parameter = torch::zeros({2 + place.rank}).requires_grad_();
    EXPECT_THAT(test::error_of<UsageError>([&] { ranks->share_gradients({parameter}); }),
                testing::HasSubstr("rank 1: has other options or data than rank 0: parameter 0 = [3], there"));
  });
}

TEST(Communicator, SaysWhichRankDoesNotCome) {
  const Ranks place{.rank = 0, .world = 3, .port = test::free_port()};
  EXPECT_THAT(test::error_of<RunError>([&] { connect(place, {.to_start = std::chrono::seconds(1)}); }),
              testing::HasSubstr("rank 0 of 3: ranks 1, 2 did not come within 1.0 s"));
}

TEST(Communicator, NamesAPortThatIsInUseAndAnAddressThatDoesNotAnswer) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const Ranks taken{.rank = 0, .world = 2, .port = ntohs(address.sin_port)};
  const ConnectOptions soon{.to_start = std::chrono::seconds(2)};
  EXPECT_THAT(test::error_of<RunError>([&] { connect(taken, soon); }),
              testing::AllOf(testing::StartsWith(taken.where() + ": rank 0 of 2: "), testing::HasSubstr("EADDRINUSE"),
                             testing::HasSubstr("(choose another MASTER_PORT, or end what listens there)")));
  close(listener);
  const Ranks nowhere{.rank = 1, .world = 2, .address = "no-such-machine.invalid"};
  EXPECT_THAT(test::error_of<RunError>([&] { connect(nowhere, soon); }),
              testing::AllOf(testing::StartsWith("no-such-machine.invalid:29500: rank 1 of 2: "),
                             testing::HasSubstr("(start rank 0, and give every rank its address and port)")));
}

struct Course {
  std::map<std::string, torch::Tensor> gradients;  // of the first step
  std::vector<double> losses;
};

/// Steps of gradient descent on the mean loss over 8 images a pass, of which each rank has a part. In doubles: in
/// floats, a network that was not trained makes of rounding what it likes.
Course train(const std::string& arch, double rate, int world, int64_t passes, int64_t steps) {
  torch::manual_seed(2);
  const torch::Tensor images = torch::randn({8 * passes, 3, 32, 32}, torch::kDouble);
  const torch::Tensor labels = one_hot_labels(torch::randint(5, {8 * passes}, torch::kLong), 5).to(torch::kDouble);
  Course course;
  in_ranks(world, [&](const Ranks& place) {
    const std::shared_ptr<Communicator> ranks = connect(place);
    const Classifier model =
        make_classifier(Arch::parse(arch), {.classes = 5, .zero_gamma = true, .image_size = 32}, 1);
    model->to(torch::kDouble);
    model->train();
    if (world > 1) {
      nn::share_batch_statistics(*model, [&](const torch::Tensor& part) { return ranks->gather(part); });
    }
    ranks->share_gradients(model->parameters());
    torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(rate).momentum(0.9));
    const int64_t part = 8 / world;
    for (int64_t step = 0; step < steps; ++step) {
      optimizer.zero_grad(/*set_to_none=*/false);
      std::array mean{0.0};
      for (int64_t pass = 0; pass < passes; ++pass) {
        const int64_t first = 8 * pass + place.rank * part;
        const torch::Tensor logits = model->forward(images.narrow(0, first, part));
        const torch::Tensor loss = classification_loss(LossType::kSoftmax, logits, labels.narrow(0, first, part), 0.1) /
                                   static_cast<double>(passes);
        ranks->backward(loss, pass == passes - 1);
        mean[0] += loss.item<double>() / world;
      }
      ranks->sum(mean);
      if (place.rank == 0) {
        course.losses.push_back(mean[0]);
        for (const auto& item : model->named_parameters()) {
          course.gradients.try_emplace(item.key(), item.value().grad().clone());
        }
      }
      optimizer.step();
    }
  });
  return course;
}

TEST(Communicator, NetworksWithSharedBatchNormsTrainAsInOneProcess) {
  // The last has no shortcuts: what it makes of rounding grows with every layer, and with every step that is not short.
  for (const auto& [arch, rate] :
       {std::pair("resnet50+w8", 1e-4), {"resnet50+bl+sk+aa3+w8", 1e-4}, {"mobilenet_v1+w8", 1e-8}}) {
    for (const auto& [passes, steps] : {std::pair(1, 20), {2, 1}}) {
      const Course one = train(arch, rate, 1, passes, steps);
      for (const int world : {2, 4}) {
        const Course several = train(arch, rate, world, passes, steps);
        double gradient_off = 0, loss_off = 0;
        for (const auto& [name, gradient] : one.gradients) {
          const torch::Tensor difference = gradient - several.gradients.at(name);
          gradient_off = std::max(gradient_off, difference.norm().item<double>() / gradient.norm().item<double>());
        }
        for (size_t i = 0; i < one.losses.size(); ++i) {
          loss_off = std::max(loss_off, std::abs(several.losses[i] / one.losses[i] - 1));
        }
        std::cout << arch << ", " << world << " processes, " << passes << " passes, " << steps
                  << " steps: largest relative difference of a gradient " << gradient_off << ", of a loss " << loss_off
                  << std::endl;
        EXPECT_LT(gradient_off, 1e-5);
        EXPECT_LT(loss_off, 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace assemble
