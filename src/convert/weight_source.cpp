// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/weight_source.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/io/file_kind.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/tf_object_graph.h"
#include "assemble/io/torch_archive.h"
#include "assemble/models/tensor_file.h"
#include "object_variables.h"
#include "state_names.h"

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
    const std::map<std::string, std::string> names = tf_object_names(checkpoint_);
    if (names.empty()) {
      take_variables();
    } else {
      take_objects(names);
    }
  }
  WeightFormat format() const override { return WeightFormat::kTensorFlow; }

  torch::Tensor read(const std::string& variable) const override {
    const std::string& name = stored_.at(variable);
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
  void take_variables() {
    for (const auto& [name, entry] : checkpoint_.tensors()) {
      // A Saver of {variable.name: variable} keeps the number of the operation's output.
      const std::string variable = name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
      shapes_[variable] = entry.shape;
      stored_[variable] = name;
    }
  }

  void take_objects(const std::map<std::string, std::string>& names) {
    ObjectVariables variables = network_variables(names, where_);
    notes_ = std::move(variables.notes);
    stored_ = std::move(variables.keys);
    for (const auto& [name, key] : stored_) shapes_[name] = checkpoint_.entry(key).shape;
  }

  TfCheckpoint checkpoint_;
  std::map<std::string, std::string> stored_;
};

/// Files whose names are those of this library, but for what trainers add to them.
class StateSource : public WeightSource {
 public:
  torch::Tensor read(const std::string& name) const override { return widen(read_stored(stored_.at(name))); }

 protected:
  /// Chooses among the tensors of the file. @param others what else stands in the file's dictionaries, by name
  void take(const Shapes& shapes, const std::set<std::string>& counters, const std::set<std::string>& others,
            bool averages) {
    NamesInFile names;
    for (const auto& [name, shape] : shapes) names[name] = counters.contains(name);
    StateNames state = find_state(names, averages, where_);
    dictionary_ = state.dictionary;
    stored_ = std::move(state.stored);
    notes_ = std::move(state.notes);
    for (const auto& [name, in_file] : stored_) shapes_[name] = shapes.at(in_file);
    note_others(shapes, others);
  }
  virtual torch::Tensor read_stored(const std::string& name) const = 0;

  std::string dictionary_;  ///< that was taken, with a dot

 private:
  void note_others(const Shapes& shapes, std::set<std::string> others) {
    std::set<std::string> taken, aside;
    for (const auto& [name, in_file] : stored_) taken.insert(in_file);
    for (const auto& [name, shape] : shapes) {
      if (!taken.contains(name)) others.insert(name);
    }
    for (const std::string& name : others) aside.insert(largest_without(taken, name));
    if (!aside.empty()) notes_.push_back(concat("set aside: ", join({aside.begin(), aside.end()}, ", ")));
  }

  /// The outermost dictionary around a name that holds none of the taken ones; else the name.
  static std::string largest_without(const std::set<std::string>& taken, const std::string& name) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const auto first = taken.lower_bound(name.substr(0, dot + 1));
      if (first == taken.end() || !first->starts_with(name.substr(0, dot + 1))) return name.substr(0, dot);
    }
    return name;
  }

  std::map<std::string, std::string> stored_;
};

/// One file, or those that an index names.
class SafetensorsSource : public StateSource {
 public:
  SafetensorsSource(const fs::path& path, std::vector<fs::path> files, bool averages) {
    where_ = path.string();
    Shapes shapes;
    std::set<std::string> counters;
    for (const fs::path& file : files) {
      files_.emplace_back(file);
      for (const auto& [name, entry] : files_.back().tensors()) {
        if (!shapes.emplace(name, entry.shape).second) {
          throw InputError(concat(file.string(), " tensor '", name, "'"),
                           "stands in another file of the index as well");
        }
        if (entry.shape.empty() && entry.type == DataType::kI64) counters.insert(name);
        files_of_.emplace(name, files_.size() - 1);
      }
    }
    take(shapes, counters, {}, averages);
  }
  WeightFormat format() const override { return WeightFormat::kSafetensors; }

 private:
  torch::Tensor read_stored(const std::string& name) const override {
    return read_tensor(files_[files_of_.at(name)], name);
  }
  std::vector<SafetensorsFile> files_;
  std::map<std::string, size_t> files_of_;
};

class TorchSource : public StateSource {
 public:
  TorchSource(const fs::path& path, bool averages) : archive_(path) {
    where_ = path.string();
    Shapes shapes;
    std::set<std::string> counters, others;
    for (const auto& [name, entry] : archive_.tensors()) {
      shapes[name] = entry.shape;
      if (entry.shape.empty() && entry.type == DataType::kI64) counters.insert(name);
    }
    for (const auto& [name, extra] : archive_.extras()) {
      if (!name.empty()) others.insert(name);
    }
    require_tensors();
    take(shapes, counters, others, averages);
    refuse_unreadable();
  }
  WeightFormat format() const override { return WeightFormat::kTorch; }

 private:
  torch::Tensor read_stored(const std::string& name) const override {
    const TorchTensorEntry& entry = archive_.entry(name);
    const Bytes bytes = archive_.read(name);
    torch::Tensor tensor = torch::empty(entry.shape, to_scalar_type(entry.type));
    std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(tensor.mutable_data_ptr()));
    return tensor;
  }

  /// Whole modules and the like: says what there is in the weights' place.
  void require_tensors() const {
    if (!archive_.tensors().empty()) return;
    std::vector<std::string> found;
    for (const auto& [name, extra] : archive_.extras()) {
      if (name.find('.') != std::string::npos || found.size() == kListed) continue;
      found.push_back(name.empty() ? extra.what : concat("'", name, "' is ", extra.what));
    }
    throw InputError(where_, concat("holds no dictionary of tensors: ", found.empty() ? "nothing" : join(found, ", ")),
                     "in Python, where the classes are: model = torch.load(FILE, weights_only=False), then save "
                     "torch.save(model.state_dict(), OUT)");
  }

  void refuse_unreadable() const {
    for (const auto& [name, extra] : archive_.extras()) {
      if (!extra.is_tensor || !name.starts_with(dictionary_)) continue;
      throw InputError(concat(where_, " tensor '", name, "'"), concat("is ", extra.what, ", which is not supported"),
                       "save it as a dense tensor of floating point numbers");
    }
  }

  static constexpr size_t kListed = 10;
  TorchArchive archive_;
};

/// The files that an index of safetensors names, which lie beside it.
std::vector<fs::path> files_of_index(const fs::path& path) {
  std::set<fs::path> files;
  const Bytes bytes = read_file(path, uint64_t{1} << 28);
  try {
    const auto index = nlohmann::json::parse(bytes);
    for (const auto& [name, file] : index.at("weight_map").items()) {
      files.insert(path.parent_path() / fs::path(file.get<std::string>()).filename());
    }
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path.string(), concat("is no index of safetensors files: ", json_problem(error)));
  }
  return {files.begin(), files.end()};
}

bool names_one_file(const fs::path& path) {
  static const std::set<std::string> endings{".pth", ".pt", ".bin", ".tar", ".pkl", ".safetensors", ".json", ".onnx"};
  return endings.contains(to_lower(path.extension().string()));
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
  if (!fs::exists(path) && names_one_file(path)) throw InputError(path.string(), "does not exist");
  // A checkpoint of TensorFlow is given as the beginning of its files' names, or as their folder.
  if (!fs::is_regular_file(path)) return std::make_unique<TfSource>(path);
  const FileContent content = identify_file(path);
  switch (content.kind) {
    case FileKind::kSafetensors:
      return std::make_unique<SafetensorsSource>(path, std::vector{path}, averages);
    case FileKind::kSafetensorsIndex:
      return std::make_unique<SafetensorsSource>(path, files_of_index(path), averages);
    case FileKind::kTorch:
      return std::make_unique<TorchSource>(path, averages);
    case FileKind::kUnknown:
      if (names_one_file(path)) {
        throw InputError(path.string(), "is no file of weights of any known kind", "it may be damaged: copy it again");
      }
      [[fallthrough]];  // the data of a checkpoint
    case FileKind::kTensorFlow:
      return std::make_unique<TfSource>(path);
    case FileKind::kOnnx:
    case FileKind::kOther:
      break;
  }
  throw InputError(path.string(), concat("is ", content.what, ", expected weights"), content.hint);
}

}  // namespace assemble
