// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "assemble/io/safetensors.h"

namespace assemble {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// LibTorch's name of a file's element type.
torch::ScalarType to_scalar_type(DataType type);

/// Tensors (any device and memory format) as row-major bytes, which `kept` holds.
std::vector<TensorView> view_tensors(const NamedTensors& tensors, std::vector<torch::Tensor>& kept);

/// Writes tensors (any device and memory format) row-major as a safetensors file, in the given order.
/// @throws RunError when it cannot be written
void write_tensors(const fs::path& path, const NamedTensors& tensors,
                   const std::map<std::string, std::string>& metadata);

/// Reads one tensor into CPU memory. @throws InputError when it is not there
torch::Tensor read_tensor(const SafetensorsFile& file, const std::string& name);

/// Names of the tensors that hold infinities or NaN, for an error; empty when all values are finite.
std::string not_finite(const NamedTensors& tensors);

/// Copies tensors of the file, found as prefix + name, into `targets`, keeping their memory format and device.
/// @throws InputError listing every missing and mis-shaped name
void read_tensors_into(const SafetensorsFile& file, const std::string& prefix, const NamedTensors& targets);

}  // namespace assemble
