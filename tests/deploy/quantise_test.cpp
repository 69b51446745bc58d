// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "../../src/deploy/engines/observer.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantised_weights.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::interpret;
using test::relative_error;
using test::SmallNetwork;
using testing::HasSubstr;

TEST(ChooseRange, MethodsOnAnOutlier) {
  // A million values uniform in [0, 1] and one at 100.
  std::vector<double> histogram(2000);
  std::fill_n(histogram.begin(), 20, 50000);
  histogram[1999] = 1;
  EXPECT_DOUBLE_EQ(choose_range(RangeMethod::kMinMax, histogram, 100, 255, 0), 100);
  EXPECT_NEAR(choose_range(RangeMethod::kPercentile, histogram, 100, 255, 99.99), 1, 0.06);
  // One value clipped by 95 costs 9025; a step of 100 / 255 costs 0.0128 for each of the million.
  const double range = choose_range(RangeMethod::kMse, histogram, 100, 255, 0);
  EXPECT_GT(range, 20);
  EXPECT_LT(range, 80);
}

TEST(ChooseRange, OfNothingSeenIsAllOfIt) {
  const std::vector<double> empty(2000);
  for (const RangeMethod method : {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kMse}) {
    EXPECT_EQ(choose_range(method, empty, 3, 255, 99.99), 3);
  }
}

TEST(GraphObserver, ShowsWhatFlowsThroughAGraph) {
  ASSEMBLE_NEEDS_OPENVINO();
  const Graph graph = optimise(SmallNetwork({.gem = true}).graph());
  std::vector<NodeId> watched;
  for (NodeId id = 0; id < graph.nodes().size(); ++id) watched.push_back(id);
  std::ranges::reverse(watched);
  GraphObserver observer(graph, watched);
  const RandomImages images(3, 32, 1);
  size_t calls = 0;
  observer.run(images.view(), [&](size_t index, std::span<const float> values) {
    ASSERT_EQ(index, calls % watched.size());
    const auto image = static_cast<int64_t>(calls++ / watched.size());
    const test::Value wanted = test::interpret_nodes(graph, images.view(), image)[watched[index]];
    ASSERT_EQ(values.size(), wanted.values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_NEAR(values[i], wanted.values[i], 1e-4 * std::max(1.0, std::abs(wanted.values[i])))
          << graph.node(watched[index]).name;
    }
  });
  EXPECT_EQ(calls, 3 * watched.size());
}

TEST(GraphObserver, TakesImagesAsTheGraphDoes) {
  ASSEMBLE_NEEDS_OPENVINO();
  const Graph graph = SmallNetwork().graph();
  GraphObserver observer(graph, {0});
  const std::vector<uint8_t> bytes(32 * 32 * 3);
  EXPECT_THROW(observer.run(RandomImages(1, 48).view(), {}), UsageError);
  EXPECT_THROW(observer.run({1, 32, 32, bytes.data()}, {}), UsageError);
  EXPECT_THAT(error_of<UsageError>([&] { GraphObserver(with_preprocessing(graph, {}), {0}); }),
              HasSubstr("is for graphs that take floats"));
}

class Quantise : public testing::Test {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }

  Graph graph_ = optimise(SmallNetwork({.classes = 5}).graph());
  RandomImages noise_{8, 32, 1};
  std::vector<Images> images_{noise_.view().part(0, 3), noise_.view().part(3, 8)};
};

int64_t convolutions(const Graph& graph) {
  return std::ranges::count_if(graph.nodes(), [](const Node& node) { return node.as<ops::Convolution>() != nullptr; });
}

TEST_F(Quantise, AttentionStaysInF32AndEveryOtherConvolutionIsQuantised) {
  const QuantisedGraph result = quantise(graph_, images_, {});
  int64_t attention = 0;
  for (const Node& node : result.graph.nodes()) {
    const auto* conv = node.as<ops::Convolution>();
    if (!conv) continue;
    const bool is_attention =
        node.name.ends_with("fc_reduce") || node.name.starts_with("Subtract") || node.name.starts_with("se.");
    attention += is_attention ? 1 : 0;
    EXPECT_EQ(conv->quantised, !is_attention) << node.name;
  }
  EXPECT_EQ(attention, 4);
  EXPECT_EQ(static_cast<int64_t>(result.layers.size()) + attention, convolutions(graph_));
}

TEST_F(Quantise, OpenvinoIsAsNearToF32AsTheInterpreter) {
  // Not the same: an engine may leave a rounding out, such as that of a convolution which it adds to another tensor.
  const QuantisedGraph result = quantise(pools_as_convolutions(graph_), images_, {});  // ARM pools none of 8 bits
  const Matrix exact = interpret(graph_, images_[0]);
  const double of_interpreter = relative_error(interpret(result.graph, images_[0]), exact);
  const auto engine = make_engine(result.graph, {.precision = Precision::kInt8, .batch = 8});
  EXPECT_LT(of_interpreter, 0.02);
  EXPECT_LT(relative_error(engine->run(images_[0]), exact), 1.5 * of_interpreter);
}

TEST_F(Quantise, DoesNotDependOnHowImagesAreBatched) {
  const QuantisedGraph two = quantise(graph_, images_, {}), one = quantise(graph_, {noise_.view()}, {});
  EXPECT_TRUE(test::same(interpret(one.graph, images_[0]), interpret(two.graph, images_[0])));
}

TEST_F(Quantise, ProgressCountsImages) {
  class Passes : public LogSink {
   public:
    void log(LogLevel, const std::string&) override {}
    void show(const ProgressUpdate& update) override {
      if (update.is_last) shown.push_back(concat(update.label, " ", update.done, "/", update.total, " ", update.unit));
    }
    std::vector<std::string> shown;
  };
  const auto passes = std::make_shared<Passes>();
  const ScopedLogSink sink(passes);
  quantise(graph_, images_, {});
  EXPECT_THAT(passes->shown, testing::ElementsAre("calibrating, pass 1 of 3: extremes 8/8 images",
                                                  "calibrating, pass 2 of 3: ranges 8/8 images",
                                                  "calibrating, pass 3 of 3: errors 8/8 images"));
}

TEST_F(Quantise, BiasCorrectionTakesTheMeanErrorAway) {
  // Of positive values, where errors of weights do not cancel.
  std::vector<float> pixels = test::normal_values(4 * 32 * 32 * 3, 1);
  for (float& value : pixels) value += 3;
  const Images images{4, 32, 32, pixels.data()};
  const auto means_of_conv1 = [&](const Graph& graph) {
    const auto& nodes = graph.nodes();
    const auto conv = std::ranges::find(nodes, "conv1", &Node::name);
    std::vector<double> means(static_cast<size_t>(conv->shape[0]));
    for (int64_t i = 0; i < images.count; ++i) {
      const std::vector<test::Value> values = test::interpret_nodes(graph, images, i);
      const test::Value& value = values[static_cast<size_t>(conv - nodes.begin())];
      for (size_t k = 0; k < value.values.size(); ++k) {
        means[k * means.size() / value.values.size()] += value.values[k];
      }
    }
    return means;
  };
  const std::vector<double> wanted = means_of_conv1(graph_);
  const auto mean_error = [&](bool correct) {
    QuantiseOptions options;
    options.correct_bias = correct;
    const std::vector<double> got = means_of_conv1(quantise(graph_, {images}, options).graph);
    double total = 0;
    for (size_t c = 0; c < wanted.size(); ++c) total += std::abs(wanted[c] - got[c]);
    return total;
  };
  EXPECT_LT(mean_error(true), 0.5 * mean_error(false));
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
  EXPECT_THAT(error_of<UsageError>([&] { quantise(graph_, images_, options); }), HasSubstr("layer 'no such layer'"));
  EXPECT_THROW(quantise(graph_, {}, {}), UsageError);
  EXPECT_THROW(quantise(graph_, {images_[0].part(0, 0)}, {}), UsageError);
}

TEST_F(Quantise, WorstLayersAreKeptUntilTheDropIsMet) {
  // An accuracy that only counts layers in 8 bits: 100 - 1 for each. It spoils the images: calibration is over by then.
  std::vector<float> pixels = test::normal_values(8 * 32 * 32 * 3, 1);
  const std::vector<float> kept_pixels = pixels;
  const auto accuracy = [&](const Graph& graph) {
    std::ranges::fill(pixels, 0);
    double value = 100;
    for (const Node& node : graph.nodes()) {
      const auto* conv = node.as<ops::Convolution>();
      if (conv && conv->quantised) value -= 1;
    }
    return value;
  };
  const std::vector<Images> kept_images{{8, 32, 32, kept_pixels.data()}};
  const QuantisedGraph all = quantise(graph_, kept_images, {});
  const auto count = static_cast<double>(all.layers.size());
  const QuantisedGraph some = quantise_within(graph_, {{8, 32, 32, pixels.data()}}, {}, accuracy, 100, count - 3);
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
  const QuantisedGraph anew = quantise(graph_, kept_images, options);
  for (size_t i = 0; i < all.layers.size(); ++i) EXPECT_EQ(anew.layers[i].error, some.layers[i].error);
  EXPECT_TRUE(test::same(interpret(some.graph, images_[1]), interpret(anew.graph, images_[1])));
}

/// A network with two layers that a change has (nearly) killed.
class DeadQuantise : public testing::Test {
 protected:
  using Values = std::vector<float>;
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }

  /// @param change gets the weight of a convolution, and the weight and bias of the batch norm behind it
  static Graph killed(const std::function<void(Values&, Values&, Values&)>& change) {
    SmallNetwork network({.classes = 5});
    for (const std::string layer : {"layer1.conv1", "layer2.conv1"}) {
      change(network.weight(layer + ".weight"), network.weight(layer + "_bn.weight"),
             network.weight(layer + "_bn.bias"));
    }
    return optimise(network.graph());
  }

  void expect_near(const Graph& graph) {
    const Matrix exact = interpret(graph, noise_.view());
    for (const RangeMethod range : {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kMse}) {
      QuantiseOptions options;
      options.range = range;
      options.correct_bias = range != RangeMethod::kMinMax;
      const Graph quantised = quantise(graph, {noise_.view()}, options).graph;
      EXPECT_LT(relative_error(interpret(quantised, noise_.view()), exact), 0.15) << static_cast<int>(range);
      for (const Node& node : quantised.nodes()) expect_bias_kept(node);
    }
  }

  static void expect_bias_kept(const Node& node) {
    const auto* conv = node.as<ops::Convolution>();
    if (!conv || !conv->quantised || !conv->bias.defined()) return;
    const QuantisedConvolution stored = quantise_convolution(*conv);
    for (size_t c = 0; c < stored.bias.size(); ++c) {
      const double steps = stored.bias_scales[c], bias = conv->bias.values()[c];
      EXPECT_LE(std::abs(stored.bias[c] * steps - bias) / steps, 0.51) << node.name;
    }
  }

  RandomImages noise_{2, 32, 1};
};

TEST_F(DeadQuantise, FiltersKeepTheirBiases) {
  for (const float size : {0.f, 1e-9f}) {
    expect_near(killed([&](Values& weight, Values&, Values& bias) {
      std::for_each_n(weight.begin(), weight.size() / 2, [&](float& value) { value *= size; });
      std::fill_n(bias.begin(), bias.size() / 2, 1.f);
    }));
  }
}

TEST_F(DeadQuantise, ActivationsLeaveTheNextBiasesWhole) {
  for (const float level : {0.f, 1e-7f, 1.f}) {
    expect_near(killed([&](Values&, Values& scale, Values& bias) {
      std::ranges::fill(scale, 0);
      std::ranges::fill(bias, level);
    }));
  }
}

TEST_F(DeadQuantise, AnActivationOfZerosGetsTheRangeOne) {
  const Graph graph = killed([](Values&, Values& scale, Values& bias) {
    std::ranges::fill(scale, 0);
    std::ranges::fill(bias, 0);
  });
  std::vector<std::string> found;
  const Graph quantised = quantise(graph, {noise_.view()}, {}).graph;
  for (const Node& node : quantised.nodes()) {
    const auto* rounding = node.as<ops::Quantise>();
    if (rounding && rounding->quantisation.scale == 1.f / 255) found.push_back(node.name);
  }
  EXPECT_EQ(found.size(), 3u) << "both layers, and the blur behind the second: " << testing::PrintToString(found);
}

TEST_F(DeadQuantise, WhatIsNoNumberIsRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const float value : {nan, infinity}) {
    const Graph graph = killed([&](Values& weight, Values&, Values&) { weight[0] = value; });
    EXPECT_THAT(error_of<InputError>([&] { quantise(graph, {noise_.view()}, {}); }),
                HasSubstr("layer layer1.conv1: holds NaN or infinity"));
    EXPECT_THAT(error_of<InputError>([&] { to_onnx(graph); }), HasSubstr("holds NaN or infinity"));
  }
  const Graph sound = killed([](Values&, Values&, Values&) {});
  std::vector<float> pixels = test::normal_values(2 * 32 * 32 * 3, 1);
  for (const float value : {nan, infinity}) {
    pixels[4000] = value;
    EXPECT_THAT(error_of<UsageError>([&] {
                  quantise(sound, {{2, 32, 32, pixels.data()}}, {});
                }),
                HasSubstr("images: hold NaN or infinity"));
  }
}

TEST_F(DeadQuantise, WhatOverflowsIsRefused) {
  const Graph graph = killed([](Values&, Values& scale, Values&) { std::ranges::fill(scale, 1e30f); });
  EXPECT_THAT(error_of<InputError>([&] { quantise(graph, {noise_.view()}, {}); }), HasSubstr("is NaN or infinite"));
}

}  // namespace
}  // namespace assemble
