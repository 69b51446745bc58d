// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/drop_block.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/random.h"

namespace assemble::nn {

namespace {

/// Of gamma, what does not change from step to step: gamma = this · (1 - keep probability).
double gamma_factor(const DropBlockOptions& options, int64_t block, int64_t height, int64_t width) {
  const int64_t places = (height - block + 1) * (width - block + 1);
  return options.gamma_scale * static_cast<double>(height * width) / static_cast<double>(block * block * places);
}

torch::Tensor mask_on_device(const DropBlockOptions& options, const torch::Tensor& keep, const torch::Tensor& input) {
  const int64_t height = input.size(2), width = input.size(3);
  const int64_t block = std::min({options.block_size, height, width});
  const torch::Tensor gamma = (1 - keep) * gamma_factor(options, block, height, width);
  const torch::Tensor drawn = torch::rand({1, input.size(1), height - block + 1, width - block + 1}, keep.options());
  return drop_squares(drawn.lt(gamma).to(torch::kFloat), block);
}

}  // namespace

torch::Tensor drop_squares(const torch::Tensor& centres, int64_t block) {
  const int64_t margin = block - 1;
  const torch::Tensor mask =
      1 - torch::max_pool2d(torch::constant_pad_nd(centres, {margin, margin, margin, margin}), {block, block}, {1, 1});
  return mask * (static_cast<double>(mask.numel()) / (mask.sum() + 1e-8));
}

torch::Tensor drop_block_mask(const DropBlockOptions& options, const DropBlockState& state, int64_t channels,
                              int64_t height, int64_t width) {
  const int64_t block = std::min({options.block_size, height, width});
  const int64_t rows = height - block + 1;
  const int64_t columns = width - block + 1;
  const double gamma = options.gamma_scale * (1 - state.keep_probability) * static_cast<double>(height * width) /
                       static_cast<double>(block * block * rows * columns);
  const auto threshold = static_cast<uint64_t>(std::ldexp(std::clamp(gamma, 0.0, 1.0), 32));

  torch::Tensor mask = torch::ones({1, height, width, channels});
  float* keep = mask.data_ptr<float>();
  Random random(state.seed, RandomPurpose::kDropBlock, state.step, options.layer);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        if (random() >= threshold) continue;
        for (int64_t y = row; y < row + block; ++y) {
          for (int64_t x = column; x < column + block; ++x) keep[(y * width + x) * channels + channel] = 0;
        }
      }
    }
  }
  const double kept = mask.sum(torch::kDouble).item<double>();
  return mask.mul_(static_cast<double>(mask.numel()) / (kept + 1e-8)).permute({0, 3, 1, 2});
}

DropBlockImpl::DropBlockImpl(const DropBlockOptions& drop_options, std::shared_ptr<const DropBlockState> state)
    : options(drop_options), state_(std::move(state)) {}

torch::Tensor DropBlockImpl::forward(const torch::Tensor& input) {
  if (!is_training()) return input;
  if (state_->keep.defined()) return input * mask_on_device(options, state_->keep, input).to(input.scalar_type());
  if (state_->keep_probability >= 1) return input;
  const torch::Tensor mask = drop_block_mask(options, *state_, input.size(1), input.size(2), input.size(3));
  return input * mask.to(input.options());
}

void DropBlockImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::DropBlock(block_size=" << options.block_size << ", gamma_scale=" << options.gamma_scale
         << ")";
}

}  // namespace assemble::nn
