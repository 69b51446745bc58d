// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantised_weights.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"

namespace assemble {
namespace {

float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// |w| that the scale of each filter stands for. One of zeros takes its layer's: any would do.
std::vector<float> largest_weights(const Array& weight) {
  const float of_layer = largest_magnitude(weight.values());
  const float otherwise = of_layer == 0 ? 1.f : of_layer;
  std::vector<float> largest;
  for (int64_t c = 0; c < weight.size(0); ++c) {
    const float magnitude = largest_magnitude(weight.row(c));
    largest.push_back(magnitude == 0 ? otherwise : std::max(magnitude, 1e-12f));
  }
  return largest;
}

/// Halves go to the even number, as in every engine.
float rounded(float value) { return std::nearbyint(value); }

/// Stores a filter with a scale. @return the squared error which that makes
double store(std::span<const float> filter, float scale, int8_t* values) {
  double error = 0;
  for (size_t i = 0; i < filter.size(); ++i) {
    const float steps = rounded(filter[i] / scale);
    const double difference = static_cast<double>(steps * scale - filter[i]);
    error += difference * difference;
    values[i] = static_cast<int8_t>(steps);
  }
  return error;
}

int32_t quantise_bias(float bias, float scale) {
  constexpr float kExactInF32 = 1 << 22;
  const float quotient = bias / scale;
  const double exact = static_cast<double>(bias) / static_cast<double>(scale);
  return static_cast<int32_t>(
      std::nearbyint(std::abs(quotient) < kExactInF32 ? static_cast<double>(quotient) : exact));
}

}  // namespace

Array QuantisedWeights::dequantised(const std::vector<int64_t>& shape) const {
  const size_t per_filter = scales.empty() ? 0 : values.size() / scales.size();
  std::vector<float> floats;
  floats.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    floats.push_back(static_cast<float>(values[i]) * scales[i / per_filter]);
  }
  return Array(shape, std::move(floats));
}

QuantisedWeights quantise_weights(const Array& weight) {
  const std::vector<float> largest = largest_weights(weight);
  const size_t per_filter = largest.empty() ? 0 : weight.values().size() / largest.size();
  QuantisedWeights best{std::vector<int8_t>(weight.values().size()), {}};
  std::vector<int8_t> tried(per_filter);
  for (size_t c = 0; c < largest.size(); ++c) {
    const std::span<const float> filter = weight.row(static_cast<int64_t>(c));
    int8_t* kept = best.values.data() + c * per_filter;
    best.scales.push_back(largest[c] / 127);
    double least = store(filter, best.scales[c], kept);
    for (const float steps : {126.f, 125.f, 124.f}) {
      const double error = store(filter, largest[c] / steps, tried.data());
      if (error >= least) continue;
      least = error;
      best.scales[c] = largest[c] / steps;
      std::copy(tried.begin(), tried.end(), kept);
    }
  }
  return best;
}

QuantisedConvolution quantise_convolution(const ops::Convolution& conv) {
  constexpr float kLargestBias = 1 << 30;  // as much again is left for the sum of products
  QuantisedConvolution result{quantise_weights(conv.weight), {}, {}};
  if (!conv.bias.defined()) return result;
  if (!(conv.input_scale > 0)) {
    throw UsageError("quantised convolution", "has a bias, but its input no scale", "quantise() the graph");
  }
  QuantisedWeights& weights = result.weights;
  const size_t per_filter = weights.values.size() / weights.scales.size();
  for (size_t c = 0; c < weights.scales.size(); ++c) {
    const float bias = conv.bias.values()[c], least = std::abs(bias) / (kLargestBias * conv.input_scale);
    if (weights.scales[c] < least) {
      weights.scales[c] = least;
      store(conv.weight.row(static_cast<int64_t>(c)), least, weights.values.data() + c * per_filter);
    }
    result.bias_scales.push_back(weights.scales[c] * conv.input_scale);
    result.bias.push_back(quantise_bias(bias, result.bias_scales[c]));
  }
  return result;
}

}  // namespace assemble
