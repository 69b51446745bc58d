// SPDX-License-Identifier: Apache-2.0
#include "resize/row_interpolator.h"
#include "channels.h"

#include <algorithm>
#include <span>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "resize/row_interpolator.cpp"
// The first of them compiles this file once for each kind of processor.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assemble {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// No MulAdd here: it rounds otherwise.
void blend_all(const float* HWY_RESTRICT top, const float* HWY_RESTRICT bottom, float weight,
               const float* HWY_RESTRICT mean, size_t count, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 8> d;  // every load of a longer vector would cross a cache line
  const auto share = hn::Set(d, weight);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto from = hn::LoadU(d, top + i);
    const auto value = hn::Add(from, hn::Mul(hn::Sub(hn::LoadU(d, bottom + i), from), share));
    hn::StoreU(hn::Sub(value, hn::LoadU(d, mean + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = (top[i] + (bottom[i] - top[i]) * weight) - mean[i];
}

#if HWY_TARGET == HWY_SCALAR
size_t vector_lanes() { return 1; }
void interpolate_groups(std::span<const RowInterpolator::Group>, bool, const uint8_t*, float*) {}
#else
#if HWY_HAVE_SCALABLE
using Floats = hn::FixedTag<float, 4>;
#else
using Floats = hn::CappedTag<float, 16>;
#endif
constexpr size_t kLanes = hn::MaxLanes(Floats());
constexpr size_t kGroup = RowInterpolator::kGroup;

size_t vector_lanes() { return kLanes; }

/// The 8 bytes at each of the places, one after the other.
template <typename D>
hn::VFromD<D> load_columns(D d, const uint8_t* row, const int32_t* places) {
  const hn::Half<D> half;
  if constexpr (hn::MaxLanes(D()) == 16) {
    return hn::Combine(d, hn::LoadU(half, row + places[1]), hn::LoadU(half, row + places[0]));
  } else {
    constexpr size_t kPlaces = hn::MaxLanes(D()) / 16;
    return hn::Combine(d, load_columns(half, row, places + kPlaces), load_columns(half, row, places));
  }
}

template <typename D>
hn::VFromD<D> load_whole(D d, const uint8_t* row, const int32_t* permutation) {
  if constexpr (kLanes == 4) {
    return hn::LoadU(d, row);
  } else {
    const hn::Repartition<int32_t, D> lanes;
    const auto indices = hn::IndicesFromVec(lanes, hn::Load(lanes, permutation));
    return hn::BitCast(d, hn::TableLookupLanes(hn::BitCast(lanes, hn::LoadU(d, row)), indices));
  }
}

template <bool kWhole>
void interpolate_all(std::span<const RowInterpolator::Group> groups, const uint8_t* HWY_RESTRICT row,
                     float* HWY_RESTRICT out) {
  const Floats d;
  const hn::Rebind<int32_t, Floats> integers;
  const hn::Repartition<uint8_t, Floats> bytes;
  for (const RowInterpolator::Group& group : groups) {
    for (size_t i = 0; i < kGroup; i += kLanes, out += kLanes) {
      hn::VFromD<decltype(bytes)> loaded;
      if constexpr (kWhole) {
        loaded = load_whole(bytes, row + group.places[i / kLanes], group.permutation.data() + i);
      } else {
        loaded = load_columns(bytes, row, group.places.data() + i / 2);
      }
      const auto floats = [&](const uint8_t* which) HWY_ATTR {
        return hn::ConvertTo(d, hn::BitCast(integers, hn::TableLookupBytesOr0(loaded, hn::Load(bytes, which + 4 * i))));
      };
      const auto lower = floats(group.lower.data()), upper = floats(group.upper.data());
      const auto weight = hn::Load(d, group.weights.data() + i);
      hn::StoreU(hn::Add(lower, hn::Mul(hn::Sub(upper, lower), weight)), d, out);
    }
  }
}

void interpolate_groups(std::span<const RowInterpolator::Group> groups, bool whole, const uint8_t* row, float* out) {
  whole ? interpolate_all<true>(groups, row, out) : interpolate_all<false>(groups, row, out);
}
#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assemble
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assemble {
namespace {

HWY_EXPORT(blend_all);
HWY_EXPORT(vector_lanes);
HWY_EXPORT(interpolate_groups);

constexpr size_t kBlock = 4;       // floats
constexpr int kBlockBytes = 16;    // that they are picked from
constexpr int kColumnBytes = 8;    // loaded for a column: two pixels are 6
constexpr uint8_t kNoByte = 0x80;  // gives a zero

void interpolate_pixel(const uint8_t* row, const AxisPoint& column, float* out) {
  const uint8_t* lower = row + column.lower * kChannels;
  const uint8_t* upper = row + column.upper * kChannels;
  for (int c = 0; c < kChannels; ++c) {
    const float left = lower[c];
    const float right = upper[c];
    out[c] = left + (right - left) * column.weight;
  }
}

}  // namespace

void blend_rows(const float* top, const float* bottom, float weight, const float* mean, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(blend_all)(top, bottom, weight, mean, count, out);
}

RowInterpolator::RowInterpolator(const Axis& columns, int width) : columns_(columns) {
  const size_t lanes = HWY_DYNAMIC_DISPATCH(vector_lanes)();
  const int row_bytes = width * kChannels;
  if (lanes == 1 || row_bytes < kColumnBytes) return;
  const size_t floats = columns.size() * kChannels;
  groups_.resize((floats + kGroup - 1) / kGroup);
  for (Group& group : groups_) group.lower.fill(kNoByte), group.upper.fill(kNoByte);
  for (size_t i = 0; i < floats; ++i) groups_[i / kGroup].weights[i % kGroup] = columns[i / kChannels].weight;
  whole_loads_ = plan_whole_loads(row_bytes, lanes);
  if (!whole_loads_) plan_column_loads(row_bytes);
}

/// The first byte of some floats, and the one after the last.
std::array<int, 2> RowInterpolator::byte_range(size_t first, size_t count) const {
  const size_t end = std::min(first + count, columns_.size() * kChannels);
  if (first >= end) return {0, 0};
  int begin = columns_[first / kChannels].lower * kChannels, last = begin;
  // Column by column: those in the middle with all their channels.
  for (size_t i = first; i < end;) {
    const AxisPoint& column = columns_[i / kChannels];
    const size_t next = std::min((i / kChannels + 1) * kChannels, end);
    const int low = std::min(column.lower, column.upper) * kChannels + static_cast<int>(i % kChannels);
    const int high = std::max(column.lower, column.upper) * kChannels + static_cast<int>((next - 1) % kChannels);
    begin = i == first ? low : std::min(begin, low);
    last = i == first ? high : std::max(last, high);
    i = next;
  }
  return {begin, last + 1};
}

/// @param origin the place in the row that byte 0 of the float's block would have
void RowInterpolator::plan_bytes(size_t place, int origin) {
  if (place >= columns_.size() * kChannels) return;
  const AxisPoint& column = columns_[place / kChannels];
  const int channel = static_cast<int>(place % kChannels) - origin;
  Group& group = groups_[place / kGroup];
  group.lower[4 * (place % kGroup)] = static_cast<uint8_t>(column.lower * kChannels + channel);
  group.upper[4 * (place % kGroup)] = static_cast<uint8_t>(column.upper * kChannels + channel);
}

/// Where as many bytes as a vector has, from its first on, hold all it needs, and no block's lie more than 16 apart.
bool RowInterpolator::plan_whole_loads(int row_bytes, size_t lanes) {
  const int vector_bytes = static_cast<int>(4 * lanes);
  if (row_bytes < vector_bytes) return false;
  for (size_t first = 0; first < groups_.size() * kGroup; first += lanes) {
    Group& group = groups_[first / kGroup];
    const auto [begin, end] = byte_range(first, lanes);
    const int place = std::min(begin, row_bytes - vector_bytes);
    if (end - place > vector_bytes) return false;
    group.places[first % kGroup / lanes] = place;
    for (size_t block = first; block < first + lanes; block += kBlock) {
      const auto [block_begin, block_end] = byte_range(block, kBlock);
      const int lane = std::clamp((block_begin - place) / 4, 0, static_cast<int>(lanes - kBlock));
      if (block_end - place - 4 * lane > kBlockBytes) return false;
      for (size_t i = block; i < block + kBlock; ++i) {
        group.permutation[i % kGroup] = lane + static_cast<int>(i - block);
        plan_bytes(i, place + 4 * lane);
      }
    }
  }
  return true;
}

void RowInterpolator::plan_column_loads(int row_bytes) {
  const auto column_of = [&](size_t i) { return std::min(i / kChannels, columns_.size() - 1); };
  const auto place = [&](size_t column) {
    const AxisPoint& point = columns_[column];
    return std::min(std::min(point.lower, point.upper) * kChannels, row_bytes - kColumnBytes);
  };
  for (size_t block = 0; block < groups_.size() * kGroup; block += kBlock) {
    const size_t first = column_of(block), last = column_of(block + kBlock - 1);
    int32_t* places = groups_[block / kGroup].places.data() + block % kGroup / 2;
    places[0] = place(first);
    places[1] = place(last);
    for (size_t i = block; i < block + kBlock; ++i) {
      plan_bytes(i, column_of(i) == first ? places[0] : places[1] - kColumnBytes);
    }
  }
}

void RowInterpolator::operator()(const uint8_t* row, float* out) const {
  if (!groups_.empty()) return HWY_DYNAMIC_DISPATCH(interpolate_groups)(groups_, whole_loads_, row, out);
  for (const AxisPoint& column : columns_) {
    interpolate_pixel(row, column, out);
    out += kChannels;
  }
}

}  // namespace assemble
#endif
