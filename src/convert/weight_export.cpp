// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/weight_export.h"

#include <map>

#include "assemble/convert/tf_names.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/torch_archive.h"
#include "assemble/models/resnet.h"
#include "assemble/models/tensor_file.h"

namespace assemble {
namespace {

using Notes = std::vector<std::string>;

const char* target_name(ExportTarget target) {
  switch (target) {
    case ExportTarget::kTensorFlow:
      return "the original TensorFlow implementation";
    case ExportTarget::kTorchvision:
      return "torchvision";
    case ExportTarget::kTimm:
      break;
  }
  return "timm";
}

/// With `strict` an error, else a note.
void differ(const ClassifierImpl& model, ExportTarget target, bool strict, const std::string& what, Notes& notes) {
  const std::string text = concat(target_name(target), " would compute other numbers: ", what);
  if (strict) {
    throw UsageError(concat("arch '", model.arch().str(), "'"), text, "`!strict` writes the weights nevertheless");
  }
  notes.push_back(text);
}

std::string squeeze_bias(const std::string& weight) {
  const bool squeezes = weight.ends_with(".se.fc1.weight") || weight.ends_with(".se.fc2.weight");
  return squeezes ? weight.substr(0, weight.size() - std::string("weight").size()) + "bias" : "";
}

bool is_zero(const torch::Tensor& tensor) { return tensor.count_nonzero().item<int64_t>() == 0; }

void check_tensorflow(const ClassifierImpl& model, bool strict, Notes& notes) {
  if (model.arch().eca) {
    throw UsageError(concat("arch '", model.arch().str(), "'"),
                     concat(target_name(ExportTarget::kTensorFlow), " has no efficient channel attention"));
  }
  if (!model.arch().timm) return;
  differ(model, ExportTarget::kTensorFlow, strict,
         "it pads the max pooling at the end alone, and pools the shortcuts of `d` otherwise", notes);
  for (const auto& [name, tensor] : model.named_state()) {
    if (!name.ends_with(".se.fc1.bias") && !name.ends_with(".se.fc2.bias")) continue;
    if (!is_zero(tensor)) differ(model, ExportTarget::kTensorFlow, strict, "it has no '" + name + "'", notes);
  }
}

void write_state_file(const fs::path& prefix) {
  const fs::path state = prefix.has_parent_path() ? prefix.parent_path() / "checkpoint" : fs::path("checkpoint");
  if (fs::exists(state)) return;
  const std::string name = prefix.filename().string();
  write_file(state, concat("model_checkpoint_path: \"", name, "\"\nall_model_checkpoint_paths: \"", name, "\"\n"));
}

Notes export_tensorflow(const fs::path& prefix, const ClassifierImpl& model, const ExportOptions& options) {
  Notes notes;
  const std::vector<TfVariable> variables = tf_variables(model.arch());
  check_tensorflow(model, options.strict, notes);
  const auto state = model.named_state();
  const std::map<std::string, torch::Tensor> parameters(state.begin(), state.end());
  NamedTensors tensors{{"global_step", torch::tensor(options.global_step, torch::kInt64)}};
  for (const TfVariable& variable : variables) {
    tensors.emplace_back(variable.tf_name, to_tf(parameters.at(variable.name).detach(), variable.layout));
  }
  std::vector<torch::Tensor> kept;
  std::vector<TfTensorView> views;
  for (const TensorView& view : view_tensors(tensors, kept)) {
    const TfDataType type = view.type == DataType::kI64 ? TfDataType::kInt64 : TfDataType::kFloat;
    views.push_back({view.name, type, view.shape, view.bytes});
  }
  if (prefix.has_parent_path()) make_directories(prefix.parent_path());
  write_tf_checkpoint(prefix, views);
  write_state_file(prefix);
  return notes;
}

/// The vanilla ResNet with the tweaks that the target has too.
Arch common_arch(const Arch& arch, ExportTarget target) {
  Arch common;
  common.base = arch.base;
  common.width = arch.width;
  common.timm = arch.timm;
  if (target == ExportTarget::kTimm) {
    common.resnet_d = arch.resnet_d;
    common.se_ratio = arch.se_ratio;
  }
  return common;
}

void check_torch(const ClassifierImpl& model, ExportTarget target, bool strict, Notes& notes) {
  const Arch& arch = model.arch();
  if (!is_resnet(arch) || arch != common_arch(arch, target)) {
    throw UsageError(concat("arch '", arch.str(), "'"), concat(target_name(target), " has no such network"),
                     "torchvision has plain ResNets, timm also those with d and se");
  }
  if (target == ExportTarget::kTorchvision && arch.base == "resnet200") {
    throw UsageError(concat("arch '", arch.str(), "'"), "torchvision has no ResNet-200", "use `target` timm");
  }
  if (arch.timm) return;
  differ(model, target, strict,
         arch.resnet_d ? "it pads the max pooling on both sides, and does not pool the first shortcut"
                       : "it pads the max pooling on both sides (the original at the end)",
         notes);
}

Notes export_torch(const fs::path& path, const ClassifierImpl& model, ExportTarget target,
                   const ExportOptions& options) {
  Notes notes;
  check_torch(model, target, options.strict, notes);
  NamedTensors tensors;
  for (const auto& [name, tensor] : model.named_state()) {
    tensors.emplace_back(name, tensor);
    const std::string bias = squeeze_bias(name);
    if (!bias.empty() && !model.arch().timm) tensors.emplace_back(bias, torch::zeros(tensor.size(0)));
  }
  std::vector<torch::Tensor> kept;
  const std::vector<TensorView> views = view_tensors(tensors, kept);
  const std::string ending = to_lower(path.extension().string());
  if (ending == ".safetensors") {
    write_safetensors(path, views, {{"format", "pt"}});
  } else if (ending == ".pth" || ending == ".pt") {
    write_torch_archive(path, views);
  } else {
    throw UsageError(path.string(), "has no known ending", "end the name in .safetensors, .pth or .pt");
  }
  return notes;
}

}  // namespace

std::vector<std::string> export_weights(const fs::path& path, const ClassifierImpl& model, ExportTarget target,
                                        const ExportOptions& options) {
  if (model.options().cosine_scale > 0) {
    throw UsageError(concat("`target` ", target_name(target)),
                     "has no classifier that compares directions, as the loss cosine or arcface leaves it",
                     "export the model as ONNX, or write its embeddings");
  }
  if (target == ExportTarget::kTensorFlow) return export_tensorflow(path, model, options);
  return export_torch(path, model, target, options);
}

}  // namespace assemble
