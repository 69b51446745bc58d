// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantised_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "assemble/core/error.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::ElementsAre;

TEST(QuantiseWeights, HoldsBinomialFiltersExactly) {
  std::vector<float> filters;
  for (int c = 0; c < 3; ++c) {
    for (const float tap : {1, 2, 1, 2, 4, 2, 1, 2, 1}) filters.push_back(tap / 16);
  }
  const Array weight({3, 1, 3, 3}, filters);
  const QuantisedWeights quantised = quantise_weights(weight);
  EXPECT_EQ(quantised.values[4], 124);
  const Array stored = quantised.dequantised(weight.shape());
  EXPECT_EQ(stored.shape(), weight.shape());
  for (size_t i = 0; i < filters.size(); ++i) EXPECT_NEAR(stored.values()[i], filters[i], 1e-6f * filters[i]);
}

TEST(QuantiseWeights, EachChannelHasItsOwnScale) {
  const QuantisedWeights quantised = quantise_weights(Array({2, 2, 1, 1}, {1.27f, -0.01f, 0.127f, 0.001f}));
  EXPECT_THAT(quantised.values, ElementsAre(127, -1, 127, 1));
  EXPECT_NEAR(quantised.scales[0], 0.01, 1e-6);
  EXPECT_NEAR(quantised.scales[1], 0.001, 1e-7);
}

constexpr size_t kTaps = 4 * 3 * 3;

Array scaled_filters(const std::vector<float>& sizes) {
  std::vector<float> values = test::normal_values(static_cast<int64_t>(sizes.size() * kTaps), 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] *= sizes[i / kTaps];
  return Array({static_cast<int64_t>(sizes.size()), 4, 3, 3}, std::move(values));
}

TEST(QuantiseConvolution, ABiasFitsWhateverItsFilterAndItsInput) {
  ops::Convolution conv{.weight = scaled_filters({1, 0, 1e-9f, 1e-30f, 1e-4f, 0}),
                        .bias = Array({6}, {0.5f, 1.f, -2.f, 3e4f, 7.f, 0.f}),
                        .padding = {}};
  for (const float input_scale : {0.02f, 1e-6f, 4e-15f}) {
    conv.input_scale = input_scale;
    const QuantisedConvolution stored = quantise_convolution(conv);
    const Array weights = stored.weights.dequantised(conv.weight.shape());
    for (size_t c = 0; c < 6; ++c) {
      const double steps = stored.bias_scales[c], bias = conv.bias.values()[c];
      EXPECT_TRUE(std::isfinite(steps));
      EXPECT_LE(std::abs(int64_t{stored.bias[c]}), (int64_t{1} << 30) + 256);  // in f32
      EXPECT_LE(std::abs(stored.bias[c] * steps - bias) / steps, 0.5) << input_scale;
      if (c < 1 || c > 3) continue;
      // What the weights lose counts nothing beside the bias, for an input of 8 bits.
      double error = 0;
      for (size_t i = c * kTaps; i < (c + 1) * kTaps; ++i) {
        error += std::abs(static_cast<double>(weights.values()[i] - conv.weight.values()[i]));
      }
      EXPECT_LE(error * 255 * static_cast<double>(input_scale), 1e-5);
    }
  }
}

TEST(QuantiseConvolution, LivingFiltersAreStoredAsTheirWeightsAlone) {
  ops::Convolution conv{
      .weight = scaled_filters(std::vector<float>(8, 1)), .bias = Array({8}, test::normal_values(8, 4)), .padding = {}};
  conv.input_scale = 0.02f;
  const QuantisedConvolution stored = quantise_convolution(conv);
  const QuantisedWeights weights = quantise_weights(conv.weight);
  EXPECT_EQ(stored.weights.values, weights.values);
  EXPECT_EQ(stored.weights.scales, weights.scales);
  for (size_t c = 0; c < 8; ++c) {
    EXPECT_EQ(static_cast<float>(stored.bias[c]), std::nearbyint(conv.bias.values()[c] / (weights.scales[c] * 0.02f)));
  }
}

TEST(QuantiseConvolution, ABiasNeedsTheScaleOfItsInput) {
  ops::Convolution conv{.weight = scaled_filters({1}), .bias = Array({1}, {1}), .padding = {}};
  EXPECT_THROW(quantise_convolution(conv), UsageError);
  conv.bias = {};
  EXPECT_TRUE(quantise_convolution(conv).bias.empty());
}

}  // namespace
}  // namespace assemble
