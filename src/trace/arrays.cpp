// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/arrays.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace assemble {
namespace {

torch::Tensor row_major(const torch::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kFloat).contiguous(); }

/// LibTorch has no tensors that cannot be written to.
template <typename Value>
Value* borrowed(const Value* values) {
  return const_cast<Value*>(values);
}

}  // namespace

Array to_array(const torch::Tensor& tensor) {
  const auto kept = std::make_shared<const torch::Tensor>(row_major(tensor));
  return Array(kept->sizes().vec(), kept->const_data_ptr<float>(), kept);
}

torch::Tensor to_tensor(const Array& array) {
  if (!array.defined()) return {};
  return at::from_blob(borrowed(array.data()), array.shape(), [array](void*) {}, at::kFloat);
}

Matrix to_matrix(const torch::Tensor& values) {
  const torch::Tensor rows = row_major(values);
  Matrix matrix(rows.size(0), rows.size(1));
  std::copy_n(rows.const_data_ptr<float>(), rows.numel(), matrix.values.data());
  return matrix;
}

torch::Tensor to_tensor(const Matrix& matrix) {
  return at::from_blob(borrowed(matrix.values.data()), {matrix.rows, matrix.columns}, at::kFloat);
}

torch::Tensor to_tensor(const Images& images) {
  const std::vector<int64_t> shape{images.count, images.height, images.width, Images::kChannels};
  if (const auto* bytes = std::get_if<const uint8_t*>(&images.pixels)) {
    return at::from_blob(borrowed(*bytes), shape, at::kByte);
  }
  return at::from_blob(borrowed(std::get<const float*>(images.pixels)), shape, at::kFloat).permute({0, 3, 1, 2});
}

Images to_images(const torch::Tensor& tensor, torch::Tensor& kept) {
  const bool bytes = tensor.scalar_type() == at::kByte;
  kept = (bytes ? tensor : tensor.permute({0, 2, 3, 1}).to(at::kFloat)).to(at::kCPU).contiguous();
  Images images{kept.size(0), kept.size(1), kept.size(2), {}};
  if (bytes) {
    images.pixels = kept.const_data_ptr<uint8_t>();
  } else {
    images.pixels = kept.const_data_ptr<float>();
  }
  return images;
}

}  // namespace assemble
