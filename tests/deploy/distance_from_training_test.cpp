// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/deploy/quantise.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr int64_t kSide = 32, kImages = 24;
constexpr std::array<float, 3> kMean{123.68f, 116.78f, 103.94f};

/// Normal values of a grid of 4×4, bilinear between them: [kSide, kSide].
std::vector<float> coarse(uint64_t seed) {
  constexpr int64_t kCells = 4;
  const std::vector<float> cells = test::normal_values(kCells * kCells, seed);
  std::vector<float> values;
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t x = 0; x < kSide; ++x) {
      const auto place = [](int64_t pixel) {
        return std::clamp((static_cast<float>(pixel) + 0.5f) * kCells / kSide - 0.5f, 0.f, kCells - 1.f);
      };
      const auto cell = [&](float v, float u) {
        return cells[static_cast<size_t>(std::min<float>(v, kCells - 1) * kCells + std::min<float>(u, kCells - 1))];
      };
      const float v = std::floor(place(y)), u = std::floor(place(x)), dv = place(y) - v, du = place(x) - u;
      values.push_back((1 - dv) * ((1 - du) * cell(v, u) + du * cell(v, u + 1)) +
                       dv * ((1 - du) * cell(v + 1, u) + du * cell(v + 1, u + 1)));
    }
  }
  return values;
}

/// Coarse luminance, less of each colour, a warm cast: about what photos are, in 0 … 255, NHWC.
std::vector<float> photos(uint64_t seed) {
  constexpr std::array<float, 3> kCast{160, 115, 70};
  std::vector<float> pixels;
  for (uint64_t i = 0; i < kImages; ++i) {
    const std::vector<float> light = coarse(4 * (1000 * seed + i));
    std::array<std::vector<float>, 3> colours;
    for (uint64_t c = 0; c < 3; ++c) colours[c] = coarse(4 * (1000 * seed + i) + c + 1);
    for (size_t p = 0; p < light.size(); ++p) {
      for (size_t c = 0; c < 3; ++c) {
        pixels.push_back(std::clamp(kCast[c] + 80 * light[p] + 25 * colours[c][p], 0.f, 255.f));
      }
    }
  }
  return pixels;
}

using Change = std::function<float(const float* pixel, size_t channel)>;

std::vector<float> changed(const std::vector<float>& pixels, const Change& change) {
  std::vector<float> values;
  for (size_t i = 0; i < pixels.size(); ++i) values.push_back(change(pixels.data() + i / 3 * 3, i % 3));
  return values;
}

Images view(const std::vector<float>& pixels) { return {kImages, kSide, kSide, pixels.data()}; }

struct Stem {
  int64_t kernel;
  double initial_share;  ///< of the running statistics
};

/// A first convolution and its batch norm, which saw photos less the mean of ImageNet in training.
class DistanceFromTraining : public testing::TestWithParam<Stem> {
 protected:
  static constexpr int64_t kChannels = 8;

  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    const std::vector<float> trained = changed(photos(1), [](const float* p, size_t c) { return p[c] - kMean[c]; });
    Graph stem = graph({});
    std::vector<double> sums(kChannels), squares(kChannels);
    double count = 0;
    for (int64_t i = 0; i < kImages; ++i) {
      const std::vector<double> values = test::interpret_nodes(stem, view(trained), i)[1].values;
      for (size_t k = 0; k < values.size(); ++k) {
        sums[k * kChannels / values.size()] += values[k];
        squares[k * kChannels / values.size()] += values[k] * values[k];
      }
      count += static_cast<double>(values.size() / kChannels);
    }
    ops::BatchNorm norm;
    const double share = GetParam().initial_share;
    std::vector<float> mean, variance;
    for (size_t c = 0; c < kChannels; ++c) {
      const double m = sums[c] / count;
      mean.push_back(static_cast<float>((1 - share) * m));
      variance.push_back(static_cast<float>((1 - share) * (squares[c] / count - m * m) + share));
    }
    norm.weight = norm.bias = Array({kChannels}, std::vector<float>(kChannels, 1));
    norm.mean = Array({kChannels}, mean);
    norm.variance = Array({kChannels}, variance);
    graph_ = graph(norm);
  }

  static Graph graph(const ops::BatchNorm& norm) {
    const int64_t kernel = GetParam().kernel, around = kernel / 2, count = kChannels * 3 * kernel * kernel;
    std::vector<float> weights = test::normal_values(count, 2);
    for (float& weight : weights) weight *= std::sqrt(2.f * kChannels / static_cast<float>(count));
    Graph graph;
    NodeId node = graph.add_input({}, {3, kSide, kSide});
    node = graph.add(ops::Convolution{.weight = Array({kChannels, 3, kernel, kernel}, weights),
                                      .bias = {},
                                      .stride = 2,
                                      .padding = {around, around, around, around}},
                     {node});
    if (norm.mean.defined()) node = graph.add(norm, {node});
    graph.add(ops::Reshape{{kChannels}}, {graph.add(ops::Mean{}, {node})});
    return graph;
  }

  double distance(const Change& change, double initial_share) const {
    const std::vector<float> pixels = changed(photos(2), change);
    return distance_from_training(graph_, {view(pixels).part(0, 7), view(pixels).part(7, kImages)}, initial_share);
  }
  double distance(const Change& change) const { return distance(change, GetParam().initial_share); }

  Graph graph_;
};

TEST_P(DistanceFromTraining, TellsWrongPreprocessing) {
  const Change right = [](const float* p, size_t c) { return p[c] - kMean[c]; };
  EXPECT_LT(distance(right), 0.3);
  EXPECT_GT(distance([](const float* p, size_t c) { return p[2 - c] - kMean[c]; }), 0.4) << "BGR";
  EXPECT_GT(distance([](const float* p, size_t c) { return p[2 - c] - kMean[2 - c]; }), 0.4) << "BGR, its mean too";
  EXPECT_GT(distance([](const float* p, size_t c) { return p[c] / 255 - kMean[c]; }), 0.4) << "0 … 1";
  EXPECT_GT(distance([](const float* p, size_t c) { return (p[c] - kMean[c]) / 255; }), 0.4) << "0 … 1, its mean too";
  EXPECT_GT(distance([](const float* p, size_t c) { return p[c]; }), 0.4) << "no mean";
  EXPECT_GT(distance([](const float* p, size_t c) { return p[c] / 127.5f - 1; }), 0.4) << "-1 … 1";
  if (GetParam().initial_share > 0) {
    EXPECT_GT(distance(right, 0), 0.4) << "initial statistics left in";
  }
}

TEST_P(DistanceFromTraining, NeedsABatchNorm) {
  const std::vector<float> pixels = photos(1);
  EXPECT_THROW(distance_from_training(graph({}), {view(pixels)}), UsageError);
}

INSTANTIATE_TEST_SUITE_P(Stems, DistanceFromTraining,
                         testing::Values(Stem{7, 0.997}, Stem{7, std::pow(0.997, 20)}, Stem{7, 0}, Stem{3, 0.997},
                                         Stem{3, std::pow(0.997, 20)}, Stem{3, 0}));

}  // namespace
}  // namespace assemble
