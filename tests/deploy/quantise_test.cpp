// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/interpreter.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/trace.h"
#include "engines.h"
#include "lively_network.h"

namespace assemble {
namespace {

using testing::HasSubstr;

TEST(FakeQuantise, RoundsAndClips) {
  const torch::Tensor values = torch::tensor({-1.0f, 0.24f, 0.26f, 127.4f, 200.f});
  EXPECT_TRUE(torch::equal(fake_quantise(values, {0.5f, false}), torch::tensor({0.f, 0.f, 0.5f, 127.5f, 127.5f})));
  EXPECT_TRUE(torch::equal(fake_quantise(values, {0.5f, true}), torch::tensor({-1.f, 0.f, 0.5f, 63.5f, 63.5f})));
}

TEST(QuantiseWeights, HoldsBinomialFiltersExactly) {
  const torch::Tensor row = torch::tensor({0.25f, 0.5f, 0.25f});
  const torch::Tensor filter = torch::outer(row, row).expand({3, 1, 3, 3}).contiguous();
  const QuantisedWeights quantised = quantise_weights(filter);
  EXPECT_EQ(quantised.values[0][0][1][1].item<int>(), 124);
  EXPECT_TRUE(
      torch::allclose(quantised.values.to(torch::kFloat) * quantised.scales.view({-1, 1, 1, 1}), filter, 1e-6, 0));
}

TEST(QuantiseWeights, EachChannelHasItsOwnScale) {
  const torch::Tensor weight = torch::tensor({1.27f, -0.01f, 0.127f, 0.001f}).view({2, 2, 1, 1});
  const QuantisedWeights quantised = quantise_weights(weight);
  EXPECT_TRUE(torch::equal(quantised.values.flatten(), torch::tensor({127, -1, 127, 1}, torch::kChar)));
  EXPECT_NEAR(quantised.scales[0].item<float>(), 0.01, 1e-6);
  EXPECT_NEAR(quantised.scales[1].item<float>(), 0.001, 1e-7);
}

TEST(ChooseRange, MethodsOnAnOutlier) {
  // A million values uniform in [0, 1] and one at 100.
  torch::Tensor histogram = torch::zeros(2000, torch::kDouble);
  histogram.slice(0, 0, 20).fill_(50000);
  histogram[1999] = 1;
  EXPECT_DOUBLE_EQ(choose_range(RangeMethod::kMinMax, histogram, 100, 255, 0), 100);
  EXPECT_NEAR(choose_range(RangeMethod::kPercentile, histogram, 100, 255, 99.99), 1, 0.06);
  // One value clipped by 95 costs 9025; a step of 100 / 255 costs 0.0128 for each of the million.
  const double range = choose_range(RangeMethod::kMse, histogram, 100, 255, 0);
  EXPECT_GT(range, 20);
  EXPECT_LT(range, 80);
}

class Quantise : public testing::Test {
 protected:
  Classifier model_ = lively_network("resnet50+bl+sk+aa3+w16", 5, 64);
  Graph graph_ = optimise(trace(*model_, 64));
  std::vector<torch::Tensor> images_{torch::randn({8, 3, 64, 64}), torch::randn({8, 3, 64, 64})};
};

double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST_F(Quantise, AttentionStaysInF32AndEveryOtherConvolutionIsQuantised) {
  const QuantisedGraph result = quantise(graph_, images_, {});
  int attention = 0;
  for (const Node& node : result.graph.nodes()) {
    const auto* conv = node.as<ops::Convolution>();
    if (!conv) continue;
    const bool is_attention = node.name.find("fc_reduce") != std::string::npos || node.name.starts_with("Subtract");
    attention += is_attention ? 1 : 0;
    EXPECT_EQ(conv->quantised, !is_attention) << node.name;
  }
  EXPECT_EQ(attention, 2 * 19);
  EXPECT_EQ(result.layers.size() + 38,
            static_cast<size_t>(std::count_if(graph_.nodes().begin(), graph_.nodes().end(),
                                              [](const Node& node) { return node.as<ops::Convolution>(); })));
}

TEST_F(Quantise, OpenvinoIsAsNearToF32AsTheInterpreter) {
  ASSEMBLE_NEEDS_OPENVINO();
  // Not the same: an engine may leave a rounding out, such as that of a convolution which it adds to another tensor.
  const QuantisedGraph result = quantise(graph_, images_, {});
  const torch::Tensor exact = interpret(graph_, images_[0]);
  const double of_interpreter = relative_error(interpret(result.graph, images_[0]), exact);
  const auto engine = make_engine(result.graph, {.precision = EnginePrecision::kInt8, .batch = 8});
  EXPECT_LT(of_interpreter, 0.15);
  EXPECT_LT(relative_error(engine->run(images_[0]), exact), 1.2 * of_interpreter);
}

TEST_F(Quantise, BiasCorrectionTakesTheMeanErrorAway) {
  const auto mean_error = [&](bool correct) {
    QuantiseOptions options;
    options.correct_bias = correct;
    const Graph quantised = quantise(graph_, images_, options).graph;
    torch::Tensor wanted, got;
    interpret(graph_, images_[0], [&](const Graph& graph, NodeId id, const auto&, const torch::Tensor& output) {
      if (graph.node(id).name == "stem.big.0") wanted = output;
    });
    interpret(quantised, images_[0], [&](const Graph& graph, NodeId id, const auto&, const torch::Tensor& output) {
      if (graph.node(id).name == "stem.big.0") got = output;
    });
    return (got - wanted).mean({0, 2, 3}).abs().mean().item<double>();
  };
  EXPECT_LT(mean_error(true), mean_error(false));
}

TEST_F(Quantise, KeptLayersStayInF32) {
  QuantiseOptions options;
  options.keep = {"conv1"};
  const QuantisedGraph result = quantise(graph_, images_, options);
  EXPECT_EQ(result.layers.front().name, "conv1");
  EXPECT_FALSE(result.layers.front().quantised);
  EXPECT_TRUE(result.layers[1].quantised);
  EXPECT_GT(result.layers[1].error, 0);
  options.keep = {"no such layer"};
  try {
    quantise(graph_, images_, options);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 'no such layer'"));
  }
  EXPECT_THROW(quantise(graph_, {}, {}), UsageError);
}

TEST_F(Quantise, WorstLayersAreKeptUntilTheDropIsMet) {
  // An accuracy that only counts layers in 8 bits: 100 - 1 for each. It spoils the images: calibration is over by then.
  const std::vector<torch::Tensor> seen{images_[0].clone(), images_[1].clone()};
  const auto accuracy = [&](const Graph& graph) {
    for (torch::Tensor images : seen) images.zero_();
    double value = 100;
    for (const Node& node : graph.nodes()) {
      const auto* conv = node.as<ops::Convolution>();
      if (conv && conv->quantised) value -= 1;
    }
    return value;
  };
  const QuantisedGraph all = quantise(graph_, images_, {});
  const auto count = static_cast<double>(all.layers.size());
  const QuantisedGraph some = quantise_within(graph_, seen, {}, accuracy, 100, count - 3);
  std::vector<double> errors;
  for (const QuantisedLayer& layer : all.layers) errors.push_back(layer.error);
  std::sort(errors.rbegin(), errors.rend());
  int kept = 0;
  for (size_t i = 0; i < all.layers.size(); ++i) {
    EXPECT_EQ(!some.layers[i].quantised, all.layers[i].error >= errors[3]) << all.layers[i].name;
    kept += some.layers[i].quantised ? 0 : 1;
  }
  EXPECT_EQ(kept, 4);  // 1, 2, 4

  QuantiseOptions options;
  for (const QuantisedLayer& layer : some.layers) {
    if (!layer.quantised) options.keep.insert(layer.name);
  }
  const QuantisedGraph anew = quantise(graph_, images_, options);
  for (size_t i = 0; i < all.layers.size(); ++i) EXPECT_EQ(anew.layers[i].error, some.layers[i].error);
  EXPECT_TRUE(torch::equal(interpret(some.graph, images_[1]), interpret(anew.graph, images_[1])));
}

/// Coarse luminance, less of each colour, a warm cast: about what photos are, in 0 … 255.
torch::Tensor photos(int64_t count) {
  const auto coarse = [count](int64_t channels) {
    return torch::upsample_bilinear2d(torch::randn({count, channels, 4, 4}), {32, 32}, false);
  };
  const torch::Tensor cast = torch::tensor({160.f, 115.f, 70.f}).view({1, 3, 1, 1});
  return (cast + 80 * coarse(1) + 25 * coarse(3)).clamp(0, 255);
}

struct Statistics {
  double momentum;
  int steps;
};

/// A network whose batch norms saw some batches of photos, less the mean of ImageNet, in training.
class DistanceFromTraining : public testing::TestWithParam<std::tuple<const char*, Statistics>> {
 protected:
  void SetUp() override {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(3);
    model_->train();
    for (int step = 0; step < statistics_.steps; ++step) model_->forward(photos(16) - mean_);
    model_->eval();
  }
  double distance(const torch::Tensor& images, double initial_share) const {
    return distance_from_training(*model_, trace(*model_, 32), {images.slice(0, 0, 16), images.slice(0, 16)},
                                  initial_share);
  }

  const Statistics statistics_ = std::get<1>(GetParam());
  const double share_ = std::pow(statistics_.momentum, statistics_.steps);
  const torch::Tensor mean_ = torch::tensor({123.68f, 116.78f, 103.94f}).view({1, 3, 1, 1});
  Classifier model_ = make_classifier(Arch::parse(std::get<0>(GetParam())),
                                      {.classes = 5, .bn_momentum = statistics_.momentum, .image_size = 32}, 3);
};

TEST_P(DistanceFromTraining, TellsWrongPreprocessing) {
  const torch::Tensor images = photos(32);
  EXPECT_LT(distance(images - mean_, share_), 0.3);
  EXPECT_GT(distance(images.flip(1) - mean_, share_), 0.4) << "BGR";
  EXPECT_GT(distance((images - mean_).flip(1), share_), 0.4) << "BGR, its mean too";
  EXPECT_GT(distance(images / 255 - mean_, share_), 0.4) << "0 … 1";
  EXPECT_GT(distance((images - mean_) / 255, share_), 0.4) << "0 … 1, its mean too";
  EXPECT_GT(distance(images, share_), 0.4) << "no mean";
  EXPECT_GT(distance(images / 127.5 - 1, share_), 0.4) << "-1 … 1";
  if (share_ > 0) {
    EXPECT_GT(distance(images - mean_, 0), 0.4) << "initial statistics left in";
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, DistanceFromTraining,
                         testing::Combine(testing::Values("resnet50+w8", "resnet50+d+w8", "mobilenet_v1+w8"),
                                          testing::Values(Statistics{0.997, 1}, Statistics{0.997, 20},
                                                          Statistics{0, 1})));

}  // namespace
}  // namespace assemble
