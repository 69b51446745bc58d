// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/weight_source.h"

#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/torch_archive.h"
#include "assemble/models/tensor_file.h"

namespace assemble {
namespace {

/// Floating tensors as f32, the others as they are.
torch::Tensor widen(const torch::Tensor& tensor) {
  return tensor.is_floating_point() ? tensor.to(torch::kFloat32) : tensor;
}

class TfSource : public WeightSource {
 public:
  explicit TfSource(const fs::path& path) : checkpoint_(path) {
    where_ = checkpoint_.prefix().string();
    for (const auto& [name, entry] : checkpoint_.tensors()) shapes_[name] = entry.shape;
  }
  WeightFormat format() const override { return WeightFormat::kTensorFlow; }

  torch::Tensor read(const std::string& name) const override {
    const TfTensorEntry& entry = checkpoint_.entry(name);
    if (entry.type == TfDataType::kInt64 || entry.type == TfDataType::kInt32) {
      const Bytes bytes = checkpoint_.read(name);
      torch::Tensor tensor =
          torch::empty(entry.shape, entry.type == TfDataType::kInt64 ? torch::kInt64 : torch::kInt32);
      std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(tensor.mutable_data_ptr()));
      return tensor;
    }
    std::vector<float> values = checkpoint_.read_f32(name);
    return torch::from_blob(values.data(), entry.shape, torch::kFloat32).clone();
  }

 private:
  TfCheckpoint checkpoint_;
};

class SafetensorsSource : public WeightSource {
 public:
  explicit SafetensorsSource(const fs::path& path) : file_(path) {
    where_ = path.string();
    for (const auto& [name, entry] : file_.tensors()) shapes_[name] = entry.shape;
  }
  WeightFormat format() const override { return WeightFormat::kSafetensors; }
  torch::Tensor read(const std::string& name) const override { return widen(read_tensor(file_, name)); }

 private:
  SafetensorsFile file_;
};

class TorchSource : public WeightSource {
 public:
  TorchSource(const fs::path& path, bool averages) : archive_(path) {
    where_ = path.string();
    const std::string dictionary = find_dictionary(averages);
    std::set<std::string> aside;
    for (const auto& [name, entry] : archive_.tensors()) {
      if (name.starts_with(dictionary)) {
        stored_names_[name.substr(dictionary.size())] = name;
      } else {
        aside.insert(name.substr(0, name.find('.')));
      }
    }
    for (const char* wrapper : {"module.", "_orig_mod.", "module."}) take_off(wrapper);
    for (const auto& [name, stored] : stored_names_) shapes_[name] = archive_.entry(stored).shape;
    if (!dictionary.empty()) notes_.push_back(concat("read from '", dictionary.substr(0, dictionary.size() - 1), "'"));
    if (!aside.empty()) notes_.push_back(concat("set aside: ", join({aside.begin(), aside.end()}, ", ")));
  }
  WeightFormat format() const override { return WeightFormat::kTorch; }

  torch::Tensor read(const std::string& name) const override {
    const std::string& stored = stored_names_.at(name);
    const TorchTensorEntry& entry = archive_.entry(stored);
    const Bytes bytes = archive_.read(stored);
    torch::Tensor tensor = torch::empty(entry.shape, to_scalar_type(entry.type));
    std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(tensor.mutable_data_ptr()));
    return widen(tensor);
  }

 private:
  bool holds(const std::string& prefix) const {
    const auto first = archive_.tensors().lower_bound(prefix);
    return first != archive_.tensors().end() && first->first.starts_with(prefix);
  }

  std::string find_dictionary(bool averages) const {
    if (averages) {
      for (const char* key : {"state_dict_ema.", "model_ema.", "ema."}) {
        if (holds(key)) return key;
      }
      throw InputError(where_, "holds no averaged weights (state_dict_ema, model_ema)", "leave out --ema");
    }
    for (const char* key : {"state_dict.", "model."}) {
      if (holds(key)) return key;
    }
    return "";
  }

  void take_off(const std::string& wrapper) {
    if (stored_names_.empty()) return;
    for (const auto& item : stored_names_) {
      if (!item.first.starts_with(wrapper)) return;
    }
    std::map<std::string, std::string> bare;
    for (const auto& [name, stored] : stored_names_) bare[name.substr(wrapper.size())] = stored;
    stored_names_ = std::move(bare);
  }

  TorchArchive archive_;
  std::map<std::string, std::string> stored_names_;
};

bool ends_like_torch(const fs::path& path) {
  const std::string ending = to_lower(path.extension().string());
  return ending == ".pth" || ending == ".pt" || ending == ".bin" || ending == ".tar" || ending == ".pkl";
}

}  // namespace

const char* weight_format_name(WeightFormat format) {
  switch (format) {
    case WeightFormat::kTensorFlow:
      return "TensorFlow checkpoint";
    case WeightFormat::kSafetensors:
      return "safetensors file";
    case WeightFormat::kTorch:
      break;
  }
  return "PyTorch file";
}

std::unique_ptr<WeightSource> open_weights(const fs::path& path, bool averages) {
  if (fs::is_regular_file(path)) {
    if (to_lower(path.extension().string()) == ".safetensors") return std::make_unique<SafetensorsSource>(path);
    if (ends_like_torch(path)) return std::make_unique<TorchSource>(path, averages);
  } else if (ends_like_torch(path) || path.extension() == ".safetensors") {
    throw InputError(path.string(), "does not exist");
  }
  return std::make_unique<TfSource>(path);
}

}  // namespace assemble
