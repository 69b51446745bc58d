// SPDX-License-Identifier: Apache-2.0
// Arrays in and out. Whatever has the protocol of DLPack or buffers is an array: NumPy's, PyTorch's tensors of the CPU.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/deploy/array.h"
#include "assemble/image/image.h"

namespace assemble::python {

using AnyArray = nanobind::ndarray<nanobind::ro, nanobind::device::cpu>;
template <typename T>
using NumpyArray = nanobind::ndarray<nanobind::numpy, T>;

/// For errors: "float32 of shape (3, 224, 224)", or the type of what is no array.
std::string describe(nanobind::handle object);

/// @return whether it is an array in the processor's memory
bool as_array(nanobind::handle object, AnyArray& array);

/// Logits, probabilities or embeddings, one row an image: [N, C] of real numbers, or what numpy.asarray() makes of it.
/// @throws UsageError naming the argument
Matrix to_matrix(nanobind::handle object, const std::string& argument);
/// Whole numbers [N]. @param limit the least that is too large
std::vector<int64_t> to_labels(nanobind::handle object, const std::string& argument, int64_t limit);
/// Booleans, or numbers 0 and 1, [N].
std::vector<uint8_t> to_flags(nanobind::handle object, const std::string& argument);
/// Real numbers [N].
std::vector<double> to_numbers(nanobind::handle object, const std::string& argument);

/// @throws UsageError when `labels` are not as many as rows
void require_as_many(const Matrix& matrix, size_t labels);

/// An array that owns `values`, without a copy.
template <typename T, typename Values>
NumpyArray<T> to_numpy(Values values, std::vector<size_t> shape) {
  auto kept = std::make_unique<Values>(std::move(values));
  T* data = kept->data();
  nanobind::capsule owner(kept.get(), [](void* pointer) noexcept { delete static_cast<Values*>(pointer); });
  kept.release();
  return NumpyArray<T>(data, shape.size(), shape.data(), owner);
}

inline NumpyArray<float> to_numpy(Matrix matrix) {
  const std::vector<size_t> shape{static_cast<size_t>(matrix.rows), static_cast<size_t>(matrix.columns)};
  return to_numpy<float>(std::move(matrix.values), shape);
}

inline NumpyArray<uint8_t> to_numpy(Image image) {
  const std::vector<size_t> shape{static_cast<size_t>(image.height), static_cast<size_t>(image.width), 3};
  return to_numpy<uint8_t>(std::move(image.pixels), shape);
}

}  // namespace assemble::python
