// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/window_crop.h"

namespace assemble {
namespace {

constexpr int64_t kChannels = Image::kChannels;

/// Where each index of the result reads along one axis, as make_axis() of the CPU's resize has it: [N, side] each.
struct Axes {
  torch::Tensor lower, upper;  // int64
  torch::Tensor weight;        // f32, of upper
};

/// @param sizes int64 [N]
Axes axes_of(const torch::Tensor& sizes, int64_t side) {
  const torch::Tensor size = sizes.unsqueeze(1), last = size - 1;
  const torch::Tensor scale = size.to(torch::kFloat) / static_cast<float>(side);
  const torch::Tensor places = torch::arange(side, torch::device(sizes.device()).dtype(torch::kFloat)) * scale;
  const torch::Tensor lower = places.to(torch::kLong).minimum(last);
  return {lower, (lower + 1).minimum(last), places - lower.to(torch::kFloat)};
}

/// lower + (upper - lower) · weight, each operation rounded by itself.
torch::Tensor between(const torch::Tensor& lower, torch::Tensor upper, const torch::Tensor& weight) {
  return upper.sub_(lower).mul_(weight).add_(lower);
}

}  // namespace

torch::Tensor crop_windows(const torch::Tensor& pixels, const torch::Tensor& windows, int64_t side,
                           const Preprocessing& preprocessing) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor colours = pixels.view({-1, kChannels});
  const torch::Tensor first = windows.select(1, 0).view({-1, 1, 1}), width = windows.select(1, 2);
  const Axes rows = axes_of(windows.select(1, 1), side);
  Axes columns = axes_of(width, side);
  const torch::Tensor mirrored = windows.select(1, 3).to(torch::kBool).unsqueeze(1), last = width.unsqueeze(1) - 1;
  columns.lower = torch::where(mirrored, last - columns.lower, columns.lower);
  columns.upper = torch::where(mirrored, last - columns.upper, columns.upper);
  const torch::Tensor share = columns.weight.view({-1, 1, side, 1});
  const auto read = [&](const torch::Tensor& row, const torch::Tensor& column) {
    const torch::Tensor begin = first + (row * width.unsqueeze(1)).unsqueeze(2);
    const torch::Tensor places = (begin + column.unsqueeze(1)).flatten();
    return colours.index_select(0, places).view({-1, side, side, kChannels}).to(torch::kFloat);
  };
  const auto row_of = [&](const torch::Tensor& row) {
    return between(read(row, columns.lower), read(row, columns.upper), share);
  };
  torch::Tensor images = between(row_of(rows.lower), row_of(rows.upper), rows.weight.view({-1, side, 1, 1}));
  const auto of_channels = [&](const std::array<float, 3>& values) {
    // Made on the device: a copy would be waited for.
    torch::Tensor all = torch::empty({kChannels}, images.options());
    for (int64_t c = 0; c < kChannels; ++c) all[c].fill_(values[static_cast<size_t>(c)]);
    return all;
  };
  images.sub_(of_channels(preprocessing.mean));
  if (preprocessing.deviation != std::array{1.f, 1.f, 1.f}) images.div_(of_channels(preprocessing.deviation));
  return images.permute({0, 3, 1, 2});
}

}  // namespace assemble
