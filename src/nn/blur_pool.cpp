// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/blur_pool.h"

#include "assemble/core/error.h"

namespace assemble::nn {

std::vector<double> binomial_filter(int64_t size) {
  if (size < 1 || size > 7) {
    throw UsageError("blur filter", concat("size ", size, " is not in 1 … 7"), "use aa3, as the paper does");
  }
  std::vector<double> row{1};
  while (static_cast<int64_t>(row.size()) < size) {
    row.push_back(0);
    for (size_t i = row.size() - 1; i > 0; --i) row[i] = (row[i] + row[i - 1]) / 2;
    row[0] /= 2;
  }
  return row;
}

BlurPoolImpl::BlurPoolImpl(const BlurPoolOptions& blur_options) : options(blur_options) {
  const torch::Tensor row = torch::tensor(binomial_filter(options.size), torch::kFloat);
  filter_ = torch::outer(row, row).view({1, 1, options.size, options.size});
}

void BlurPoolImpl::to(torch::Device device, torch::Dtype type, bool non_blocking) {
  Module::to(device, type, non_blocking);
  filter_ = filter_.to(device, non_blocking);
}

void BlurPoolImpl::to(torch::Dtype type, bool non_blocking) { Module::to(type, non_blocking); }

void BlurPoolImpl::to(torch::Device device, bool non_blocking) {
  Module::to(device, non_blocking);
  filter_ = filter_.to(device, non_blocking);
}

torch::Tensor BlurPoolImpl::forward(const torch::Tensor& input) {
  using torch::indexing::Slice;
  const int64_t stride = options.stride;
  if (options.size == 1) {
    return input.index(
        {Slice(), Slice(), Slice(0, torch::indexing::None, stride), Slice(0, torch::indexing::None, stride)});
  }
  const int64_t channels = input.size(1);
  const torch::Tensor filter = filter_.to(input.options())
                                   .expand({channels, 1, options.size, options.size})
                                   .contiguous(torch::MemoryFormat::ChannelsLast);
  const int64_t padding = (options.size - 1) / 2;
  const torch::Tensor padded =
      padding == 0 ? input : torch::reflection_pad2d(input, {padding, padding, padding, padding});
  return torch::conv2d(padded, filter, {}, {stride, stride}, torch::IntArrayRef{0, 0}, {1, 1}, channels);
}

void BlurPoolImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::BlurPool(" << options.size << ", stride=" << options.stride << ")";
}

}  // namespace assemble::nn
