// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/deploy/array.h"

namespace assemble {

/// @name Between LibTorch's tensors and the plain types of the runtime half
/// @{

/// Row-major f32 on the CPU; shares the tensor's memory where it is that already.
Array to_array(const torch::Tensor& tensor);
/// Shares the array's memory, which may not be written to; undefined for an array that is not defined.
torch::Tensor to_tensor(const Array& array);

/// @param values [N, columns], any floating type and device
Matrix to_matrix(const torch::Tensor& values);
/// Shares the matrix's memory. @return [rows, columns], f32
torch::Tensor to_tensor(const Matrix& matrix);

/// Shares the images' memory, which may not be written to.
/// @return floats [N, 3, H, W] in channels_last memory, or bytes [N, H, W, 3]
torch::Tensor to_tensor(const Images& images);
/// Images of a tensor [N, 3, H, W] or bytes [N, H, W, 3]. @param kept holds the memory that they borrow
Images to_images(const torch::Tensor& tensor, torch::Tensor& kept);
/// @}

}  // namespace assemble
