// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/tensor_file.h"

#include <torch/utils.h>

#include "assemble/core/error.h"
#include "assemble/models/defects.h"

namespace assemble {
namespace {

constexpr std::pair<torch::ScalarType, DataType> kTypes[] = {
    {torch::kBool, DataType::kBool},   {torch::kUInt8, DataType::kU8},      {torch::kInt8, DataType::kI8},
    {torch::kInt16, DataType::kI16},   {torch::kUInt16, DataType::kU16},    {torch::kInt32, DataType::kI32},
    {torch::kUInt32, DataType::kU32},  {torch::kInt64, DataType::kI64},     {torch::kUInt64, DataType::kU64},
    {torch::kFloat16, DataType::kF16}, {torch::kBFloat16, DataType::kBF16}, {torch::kFloat32, DataType::kF32},
    {torch::kFloat64, DataType::kF64},
};

DataType to_data_type(torch::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == type) return theirs;
  }
  throw UsageError("safetensors", concat("cannot hold tensors of type ", torch::toString(type)));
}

}  // namespace

torch::ScalarType to_scalar_type(DataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  throw UsageError("safetensors", concat("type ", data_type_name(type), " has no tensor type"));
}

std::vector<TensorView> view_tensors(const NamedTensors& tensors, std::vector<torch::Tensor>& kept) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const torch::Tensor& row_major = kept.back();
    views.push_back({name,
                     to_data_type(row_major.scalar_type()),
                     row_major.sizes().vec(),
                     {static_cast<const uint8_t*>(row_major.const_data_ptr()), row_major.nbytes()}});
  }
  return views;
}

void write_tensors(const fs::path& path, const NamedTensors& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> kept;
  write_safetensors(path, view_tensors(tensors, kept), metadata);
}

std::string not_finite(const NamedTensors& tensors) {
  const torch::NoGradGuard no_grad;
  Defects wrong("not finite");
  for (const auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>()) wrong.add(name);
  }
  return wrong.text();
}

torch::Tensor read_tensor(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry& entry = file.entry(name);
  const Bytes bytes = file.read(name);
  torch::Tensor tensor = torch::empty(entry.shape, to_scalar_type(entry.type));
  if (!bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

void read_tensors_into(const SafetensorsFile& file, const std::string& prefix, const NamedTensors& targets) {
  torch::NoGradGuard no_grad;
  std::string defects;
  for (const auto& [name, target] : targets) {
    const auto found = file.tensors().find(prefix + name);
    if (found == file.tensors().end()) {
      defects += concat("\n  missing: ", prefix, name);
    } else if (target.sizes().vec() != found->second.shape) {
      defects += concat("\n  shape of ", prefix, name, ": ", torch::IntArrayRef(found->second.shape), ", expected ",
                        target.sizes());
    }
  }
  if (!defects.empty()) throw InputError(file.path().string(), "does not fit the network:" + defects);
  for (const auto& [name, target] : targets) target.detach().copy_(read_tensor(file, prefix + name));
}

}  // namespace assemble
