// SPDX-License-Identifier: Apache-2.0
#include "channel_passes.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "channel_passes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble::nn::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_ATTR hn::Vec<D> load(D tag, const float* from) {
  return hn::LoadU(tag, from);
}

template <class D>
HWY_ATTR hn::Vec<D> load(D tag, const Bf16* from) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const auto bits = hn::PromoteTo(wide, hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(tag, hn::ShiftLeft<16>(bits));
}

template <class D>
HWY_ATTR void store(hn::Vec<D> value, D tag, float* to) {
  hn::StoreU(value, tag, to);
}

/// Rounds to nearest, halves to even; NaN stays one.
template <class D>
HWY_ATTR void store(hn::Vec<D> value, D tag, Bf16* to) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const hn::RebindToSigned<D> wide_signed;
  const auto bits = hn::BitCast(wide, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7FFF))));
  const auto kept = hn::IfThenElse(hn::RebindMask(wide, hn::IsNaN(value)), hn::Set(wide, 0x7FC0), rounded);
  hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(wide_signed, kept)), narrow, reinterpret_cast<uint16_t*>(to));
}

/// Calls body(tag, place, column) for all values, vectors as long as a row allows.
template <class Body>
HWY_ATTR HWY_INLINE void for_values(ChannelRange range, const Body& body) {
  const hn::ScalableTag<float> tag;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  for (int64_t row = 0; row < range.values; row += range.width) {
    const int64_t columns = std::min(range.width, range.values - row);
    int64_t column = 0;
    for (; column + lanes <= columns; column += lanes) body(tag, row + column, column);
    for (; column < columns; ++column) body(one, row + column, column);
  }
}

/// Calls body(tag, pixel, channel) for all values.
template <class Body>
HWY_ATTR HWY_INLINE void for_pixels(int64_t pixels, int64_t channels, const Body& body) {
  const hn::ScalableTag<float> tag;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    int64_t channel = 0;
    for (; channel + lanes <= channels; channel += lanes) body(tag, pixel, channel);
    for (; channel < channels; ++channel) body(one, pixel, channel);
  }
}

template <class D>
HWY_ATTR hn::Vec<D> clamped(D tag, hn::Vec<D> value, Clamp clamp) {
  if (clamp == Clamp::kNone) return value;
  // In this order a NaN comes through.
  value = hn::IfThenElse(hn::Lt(value, hn::Zero(tag)), hn::Zero(tag), value);
  return clamp == Clamp::kOutsideSix ? hn::IfThenElse(hn::Gt(value, hn::Set(tag, 6)), hn::Set(tag, 6), value) : value;
}

template <class D>
HWY_ATTR hn::Vec<D> where_passed(D tag, hn::Vec<D> gradient, hn::Vec<D> activation, Clamp clamp) {
  const auto zero = hn::Zero(tag);
  gradient = hn::IfThenElse(hn::Le(activation, zero), zero, gradient);
  return clamp == Clamp::kOutsideSix ? hn::IfThenElse(hn::Ge(activation, hn::Set(tag, 6)), zero, gradient) : gradient;
}

template <typename Value>
HWY_ATTR void add_columns(const Value* values, ChannelRange range, float* sums) {
  for_values(range, [&](auto tag, int64_t place, int64_t column) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(tag, sums + column), load(tag, values + place)), tag, sums + column);
  });
}

template <typename Value>
HWY_ATTR void add_squares(const Value* values, ChannelRange range, const float* centre, float* sums) {
  for_values(range, [&](auto tag, int64_t place, int64_t column) HWY_ATTR {
    const auto spread = hn::Sub(load(tag, values + place), hn::LoadU(tag, centre + column));
    hn::StoreU(hn::MulAdd(spread, spread, hn::LoadU(tag, sums + column)), tag, sums + column);
  });
}

template <typename Value>
HWY_ATTR void scale_and_clamp(const Value* values, const Value* addends, ChannelRange range, const float* scale,
                              const float* shift, Clamp clamp, Value* outputs) {
  for_values(range, [&](auto tag, int64_t place, int64_t column) HWY_ATTR {
    auto value = hn::MulAdd(load(tag, values + place), hn::LoadU(tag, scale + column), hn::LoadU(tag, shift + column));
    if (addends != nullptr) value = hn::Add(value, load(tag, addends + place));
    store(clamped(tag, value, clamp), tag, outputs + place);
  });
}

template <class D, typename Value>
HWY_ATTR hn::Vec<D> passed_gradient(D tag, const ChannelGradients<Value>& step, int64_t place, int64_t column,
                                    hn::Vec<D> input) {
  const auto gradient = load(tag, step.gradients + place);
  if (step.clamp == Clamp::kNone) return gradient;
  const auto activation = step.outputs != nullptr ? load(tag, step.outputs + place)
                                                  : hn::MulAdd(input, hn::LoadU(tag, step.scale + column),
                                                               hn::LoadU(tag, step.shift + column));
  return where_passed(tag, gradient, activation, step.clamp);
}

template <typename Value>
HWY_ATTR void add_gradients(const ChannelGradients<Value>& step, ChannelRange range, float* sums, float* products) {
  for_values(range, [&](auto tag, int64_t place, int64_t column) HWY_ATTR {
    const auto input = load(tag, step.inputs + place);
    const auto passed = passed_gradient(tag, step, place, column, input);
    if (step.passed != nullptr) store(passed, tag, step.passed + place);
    hn::StoreU(hn::Add(hn::LoadU(tag, sums + column), passed), tag, sums + column);
    const auto spread = hn::Sub(input, hn::LoadU(tag, step.mean + column));
    hn::StoreU(hn::MulAdd(passed, spread, hn::LoadU(tag, products + column)), tag, products + column);
  });
}

template <typename Value>
HWY_ATTR void input_gradients(const ChannelGradients<Value>& step, ChannelRange range, const float* slope,
                              const float* offset, Value* outputs) {
  for_values(range, [&](auto tag, int64_t place, int64_t column) HWY_ATTR {
    const auto input = load(tag, step.inputs + place);
    const auto passed = passed_gradient(tag, step, place, column, input);
    const auto spread = hn::Sub(input, hn::LoadU(tag, step.mean + column));
    const auto through_statistics = hn::MulAdd(spread, hn::LoadU(tag, slope + column), hn::LoadU(tag, offset + column));
    store(hn::MulAdd(passed, hn::LoadU(tag, step.scale + column), through_statistics), tag, outputs + place);
  });
}

template <typename Value>
HWY_ATTR void blend_halves(const Value* halves, const float* weight, int64_t pixels, int64_t channels, Value* outputs) {
  for_pixels(pixels, channels, [&](auto tag, int64_t pixel, int64_t channel) HWY_ATTR {
    const Value* const first = halves + 2 * pixel * channels + channel;
    const auto second = load(tag, first + channels);
    const auto ahead = hn::Sub(load(tag, first), second);
    store(hn::MulAdd(ahead, hn::LoadU(tag, weight + channel), second), tag, outputs + pixel * channels + channel);
  });
}

template <typename Value>
HWY_ATTR void blend_gradients(const Value* gradients, const Value* halves, const float* weight, int64_t pixels,
                              int64_t channels, Value* halves_gradients, float* sums) {
  for_pixels(pixels, channels, [&](auto tag, int64_t pixel, int64_t channel) HWY_ATTR {
    const int64_t first = 2 * pixel * channels + channel, second = first + channels;
    const auto gradient = load(tag, gradients + pixel * channels + channel);
    const auto of_first = hn::Mul(gradient, hn::LoadU(tag, weight + channel));
    store(of_first, tag, halves_gradients + first);
    store(hn::Sub(gradient, of_first), tag, halves_gradients + second);
    const auto ahead = hn::Sub(load(tag, halves + first), load(tag, halves + second));
    hn::StoreU(hn::MulAdd(gradient, ahead, hn::LoadU(tag, sums + channel)), tag, sums + channel);
  });
}

template <typename Value>
ChannelPasses<Value> passes() {
  return {&add_columns<Value>,     &add_squares<Value>,  &scale_and_clamp<Value>, &add_gradients<Value>,
          &input_gradients<Value>, &blend_halves<Value>, &blend_gradients<Value>};
}

ChannelPasses<float> passes_f32() { return passes<float>(); }
ChannelPasses<Bf16> passes_bf16() { return passes<Bf16>(); }

}  // namespace assemble::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble::nn {

HWY_EXPORT(passes_f32);
HWY_EXPORT(passes_bf16);

template <>
ChannelPasses<float> channel_passes() {
  return HWY_DYNAMIC_DISPATCH(passes_f32)();
}

template <>
ChannelPasses<Bf16> channel_passes() {
  return HWY_DYNAMIC_DISPATCH(passes_bf16)();
}

}  // namespace assemble::nn
#endif
