// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "assemble/core/error.h"
#include "assemble/deploy/engine.h"
#include "assemble/trace/interpreter.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/trace/trace.h"
#include "engines.h"
#include "lively_network.h"
#include "test_support.h"

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

TEST(QuantiseConvolution, ABiasFitsWhateverItsFilterAndItsInput) {
  torch::manual_seed(3);
  ops::Convolution conv{
      .weight = torch::randn({6, 4, 3, 3}), .bias = torch::tensor({0.5f, 1.f, -2.f, 3e4f, 7.f, 0.f}), .padding = {}};
  const std::vector<float> sizes{1, 0, 1e-9f, 1e-30f, 1e-4f, 0};
  for (int64_t c = 0; c < 6; ++c) conv.weight[c] *= sizes[static_cast<size_t>(c)];
  for (const float input_scale : {0.02f, 1e-6f, 4e-15f}) {
    conv.input_scale = input_scale;
    const QuantisedConvolution stored = quantise_convolution(conv);
    EXPECT_LE(stored.bias.abs().max().item<int64_t>(), (int64_t{1} << 30) + 256);  // in f32
    const torch::Tensor steps = stored.bias_scales.to(torch::kDouble);
    const torch::Tensor lost = (stored.bias.to(torch::kDouble) * steps - conv.bias.to(torch::kDouble)).abs() / steps;
    EXPECT_LE(lost.max().item<double>(), 0.5) << input_scale;
    // What the weights lose counts nothing beside the bias, for an input of 8 bits.
    const torch::Tensor weights = stored.weights.values.to(torch::kFloat) * stored.weights.scales.view({-1, 1, 1, 1});
    const torch::Tensor error = (weights - conv.weight).abs().flatten(1).sum(1) * (255 * input_scale);
    EXPECT_LE((error[1] + error[2] + error[3]).item<double>(), 1e-5);
    EXPECT_TRUE(stored.bias_scales.isfinite().all().item<bool>());
  }
}

TEST(QuantiseConvolution, LivingFiltersAreStoredAsTheirWeightsAlone) {
  torch::manual_seed(3);
  ops::Convolution conv{.weight = torch::randn({8, 4, 3, 3}), .bias = torch::randn(8), .padding = {}};
  conv.input_scale = 0.02f;
  const QuantisedConvolution stored = quantise_convolution(conv);
  const QuantisedWeights weights = quantise_weights(conv.weight);
  EXPECT_TRUE(torch::equal(stored.weights.values, weights.values));
  EXPECT_TRUE(torch::equal(stored.weights.scales, weights.scales));
  EXPECT_TRUE(torch::equal(stored.bias, (conv.bias / (weights.scales * 0.02f)).round().to(torch::kInt)));
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

/// A network with a block that a change has (nearly) killed.
class DeadQuantise : public testing::Test {
 protected:
  /// @param change gets the weight of a convolution, and the weight and bias of the batch norm behind it
  Graph killed(const std::function<void(torch::Tensor, torch::Tensor, torch::Tensor)>& change) {
    const torch::NoGradGuard no_grad;
    const Classifier model = lively_network("resnet50+w8", 5, 32);
    const auto weights = model->named_parameters();
    for (const std::string block : {"layer1.0", "layer3.1"}) {
      change(weights[block + ".conv2.weight"], weights[block + ".bn2.weight"], weights[block + ".bn2.bias"]);
    }
    return optimise(trace(*model, 32));
  }

  void expect_near(const Graph& graph) {
    const torch::Tensor exact = interpret(graph, images_);
    for (const RangeMethod range : {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kMse}) {
      QuantiseOptions options;
      options.range = range;
      options.correct_bias = range != RangeMethod::kMinMax;
      const Graph quantised = quantise(graph, {images_}, options).graph;
      EXPECT_LT(relative_error(interpret(quantised, images_), exact), 0.15) << static_cast<int>(range);
      for (const Node& node : quantised.nodes()) expect_bias_kept(node);
    }
  }

  static void expect_bias_kept(const Node& node) {
    const auto* conv = node.as<ops::Convolution>();
    if (!conv || !conv->quantised || !conv->bias.defined()) return;
    const QuantisedConvolution stored = quantise_convolution(*conv);
    const torch::Tensor steps = stored.bias_scales.to(torch::kDouble);
    const torch::Tensor lost = (stored.bias.to(torch::kDouble) * steps - conv->bias.to(torch::kDouble)).abs() / steps;
    EXPECT_LE(lost.max().item<double>(), 0.51) << node.name;
  }

  torch::Tensor images_ = torch::randn({8, 3, 32, 32});
};

TEST_F(DeadQuantise, FiltersKeepTheirBiases) {
  for (const float size : {0.f, 1e-9f}) {
    expect_near(killed([&](torch::Tensor weight, torch::Tensor, torch::Tensor bias) {
      weight.slice(0, 0, weight.size(0) / 2).mul_(size);
      bias.slice(0, 0, bias.size(0) / 2).fill_(1);
    }));
  }
}

TEST_F(DeadQuantise, ActivationsLeaveTheNextBiasesWhole) {
  for (const float level : {0.f, 1e-7f, 1.f}) {
    expect_near(killed([&](torch::Tensor, torch::Tensor scale, torch::Tensor bias) {
      scale.zero_();
      bias.fill_(level);
    }));
  }
}

TEST_F(DeadQuantise, AnActivationOfZerosGetsTheRangeOne) {
  const Graph graph =
      killed([](torch::Tensor, torch::Tensor scale, torch::Tensor bias) { scale.zero_(), bias.zero_(); });
  const Graph quantised = quantise(graph, {images_}, {}).graph;
  int found = 0;
  for (const Node& node : quantised.nodes()) {
    const auto* rounding = node.as<ops::Quantise>();
    found += rounding && rounding->quantisation.scale == 1.f / 255 ? 1 : 0;
  }
  EXPECT_EQ(found, 2);
}

TEST_F(DeadQuantise, WhatIsNoNumberIsRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const float value : {nan, infinity}) {
    const Graph graph = killed([&](torch::Tensor weight, torch::Tensor, torch::Tensor) { weight[0].fill_(value); });
    EXPECT_THAT(test::error_of<InputError>([&] { quantise(graph, {images_}, {}); }), HasSubstr("is NaN or infinite"));
    EXPECT_THAT(test::error_of<InputError>([&] { to_onnx(graph); }), HasSubstr("holds NaN or infinity"));
  }
  const Graph sound = killed([](torch::Tensor, torch::Tensor, torch::Tensor) {});
  torch::Tensor images = images_.clone();
  images[3][1][5][5] = nan;
  EXPECT_THROW(quantise(sound, {images}, {}), InputError);
}

}  // namespace
}  // namespace assemble
