// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace assemble::nn {

/// The upper half of a float, as bfloat16 is kept.
struct Bf16 {
  uint16_t bits;
};

/// Passes over activations in channels_last memory, of which a batch norm's training step is made.
///
/// Values lie as [pixels, channels]. Channels repeat so soon that vectors would not fill, so the passes see rows of
/// `width` values, a multiple of the channels, and what is known of a channel is repeated to that width. The last row
/// may be shorter. Sums are those of a column, in order of the rows, whatever the processor's vectors.
struct ChannelRange {
  int64_t values = 0;  ///< of all rows
  int64_t width = 0;
};

enum class Clamp { kNone, kBelowZero, kOutsideSix };  ///< what a ReLU or ReLU6 cuts off

/// The backward pass of scale_and_clamp() behind a batch norm.
template <typename Value>
struct ChannelGradients {
  const Value* gradients;  ///< by the outputs
  const Value* inputs;
  const Value* outputs;  ///< which tell what the clamp lets through; nullptr: inputs · scale + shift do
  Value* passed;         ///< takes the gradients that pass; may be nullptr
  const float* scale;
  const float* shift;
  const float* mean;
  Clamp clamp;
};

/// The passes, for float or Bf16.
template <typename Value>
struct ChannelPasses {
  /// sums[width] += the columns' sums.
  void (*add_columns)(const Value* values, ChannelRange range, float* sums);
  /// sums[width] += the columns' sums of (value - centre)².
  void (*add_squares)(const Value* values, ChannelRange range, const float* centre, float* sums);
  /// outputs = clamp(value · scale + shift + addend); addends may be nullptr.
  void (*scale_and_clamp)(const Value* values, const Value* addends, ChannelRange range, const float* scale,
                          const float* shift, Clamp clamp, Value* outputs);
  /// sums[width] += passed gradients; products[width] += passed gradients · (input - mean).
  void (*add_gradients)(const ChannelGradients<Value>& step, ChannelRange range, float* sums, float* products);
  /// input_gradients = passed gradient · scale + (input - mean) · slope + offset.
  void (*input_gradients)(const ChannelGradients<Value>& step, ChannelRange range, const float* slope,
                          const float* offset, Value* input_gradients);
  /// outputs[pixels, channels] = second + (first - second) · weight, of halves that lie as [pixels, first, second].
  void (*blend_halves)(const Value* halves, const float* weight, int64_t pixels, int64_t channels, Value* outputs);
  /// Its gradients; sums[channels] += those by the weight.
  void (*blend_gradients)(const Value* gradients, const Value* halves, const float* weight, int64_t pixels,
                          int64_t channels, Value* halves_gradients, float* sums);
};

/// For this processor.
template <typename Value>
ChannelPasses<Value> channel_passes();

}  // namespace assemble::nn
