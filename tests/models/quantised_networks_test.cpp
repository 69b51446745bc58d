// SPDX-License-Identifier: Apache-2.0
// Quantisation of real networks, and whether images are like those that a network was trained on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/models/model_file.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/interpreter.h"
#include "engines.h"
#include "lively_network.h"
#include "matrices.h"

namespace assemble {
namespace {

class QuantisedNetwork : public testing::Test {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }

  Classifier model_ = lively_network("resnet50+bl+sk+aa3+w16", 5, 64);
  Graph graph_ = optimise(trace(*model_, 64));
  torch::Tensor kept_, noise_ = torch::randn({16, 3, 64, 64});
  Images images_ = to_images(noise_, kept_);
};

TEST_F(QuantisedNetwork, HasAttentionInF32AndEveryOtherConvolutionIn8Bits) {
  const QuantisedGraph result = quantise(graph_, {images_}, {});
  size_t attention = 0, all = 0;
  for (const Node& node : result.graph.nodes()) {
    const auto* conv = node.as<ops::Convolution>();
    if (!conv) continue;
    const bool is_attention = node.name.find("fc_reduce") != std::string::npos || node.name.starts_with("Subtract");
    attention += is_attention ? 1 : 0;
    ++all;
    EXPECT_EQ(conv->quantised, !is_attention) << node.name;
  }
  EXPECT_EQ(attention, 2u * 19);
  EXPECT_EQ(result.layers.size() + attention, all);
}

TEST_F(QuantisedNetwork, IsAsNearToF32InOpenvinoAsInTheInterpreter) {
  // Not the same: an engine may leave a rounding out, such as that of a convolution which it adds to another tensor.
  const QuantisedGraph result = quantise(graph_, {images_}, {});
  const Matrix exact = to_matrix(interpret(graph_, to_tensor(images_)));
  const Matrix rounded = to_matrix(interpret(result.graph, to_tensor(images_)));
  const double of_interpreter = test::relative_error(rounded, exact);
  const auto engine = make_engine(result.graph, {.precision = Precision::kInt8, .batch = 8});
  EXPECT_LT(of_interpreter, 0.15);
  EXPECT_LT(test::relative_error(engine->run(images_), exact), 1.2 * of_interpreter);
}

TEST_F(QuantisedNetwork, MobileNetOfSlimIsQuantisedThroughout) {
  const Classifier slim = lively_network("mobilenet_v1+w8+slim", 5, 64);
  const Graph graph = optimise(trace(*slim, 64));
  for (const Node& node : graph.nodes()) EXPECT_FALSE(node.as<ops::Pad>()) << node.name;
  const QuantisedGraph result = quantise(graph, {images_}, {});
  for (const QuantisedLayer& layer : result.layers) EXPECT_TRUE(layer.quantised) << layer.name;
  EXPECT_EQ(result.layers.size(), 1u + 2 * 13 + 1);
  // So narrow a network of random filters loses much in 8 bits; the engine loses no more than the interpreter.
  const Matrix exact = to_matrix(interpret(graph, to_tensor(images_)));
  const double of_interpreter = test::relative_error(to_matrix(interpret(result.graph, to_tensor(images_))), exact);
  const auto engine = make_engine(result.graph, {.precision = Precision::kInt8, .batch = 8});
  EXPECT_LT(test::relative_error(engine->run(images_), exact), 1.2 * of_interpreter);
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
class TrainedNetwork : public testing::TestWithParam<std::tuple<const char*, Statistics>> {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    const torch::NoGradGuard no_grad;
    torch::manual_seed(3);
    model_->train();
    for (int step = 0; step < statistics_.steps; ++step) model_->forward(photos(16) - mean_);
    model_->eval();
  }
  double distance(const torch::Tensor& images, double initial_share) const {
    torch::Tensor kept;
    const Images all = to_images(images, kept);
    return distance_from_training(trace(*model_, 32), {all.part(0, 16), all.part(16, all.count)}, initial_share);
  }

  const Statistics statistics_ = std::get<1>(GetParam());
  const double share_ = std::pow(statistics_.momentum, statistics_.steps);
  const torch::Tensor mean_ = torch::tensor({123.68f, 116.78f, 103.94f}).view({1, 3, 1, 1});
  Classifier model_ = make_classifier(Arch::parse(std::get<0>(GetParam())),
                                      {.classes = 5, .bn_momentum = statistics_.momentum, .image_size = 32}, 3);
};

TEST_P(TrainedNetwork, TellsWrongPreprocessing) {
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

INSTANTIATE_TEST_SUITE_P(Networks, TrainedNetwork,
                         testing::Combine(testing::Values("resnet50+w8", "resnet50+d+w8", "mobilenet_v1+w8"),
                                          testing::Values(Statistics{0.997, 1}, Statistics{0.997, 20},
                                                          Statistics{0, 1})));

}  // namespace
}  // namespace assemble
