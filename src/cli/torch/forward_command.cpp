// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/eval/classification.h"
#include "assemble/models/model_file.h"
#include "assemble/models/tensor_file.h"
#include "assemble/nn/autocast.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

constexpr const char* kInput = "input_nhwc";

torch::Tensor read_images(const fs::path& path) {
  const torch::Tensor images = read_tensor(SafetensorsFile(path), kInput);
  if (images.dim() != 4 || images.size(3) != 3 || images.size(0) == 0) {
    throw InputError(concat(path.string(), " tensor '", kInput, "'"),
                     concat("has the shape ", images.sizes(), ", expected [N, height, width, 3]"));
  }
  return images.to(torch::kFloat32).permute({0, 3, 1, 2});
}

class ForwardCommand : public Subcommand {
 public:
  ForwardCommand() : Subcommand("forward", "Raw tensors through a network: logits and activations, for comparisons") {}

  std::string purpose() const override {
    return "Runs tensors through a network as they are, without preprocessing, and writes the logits and, if asked, "
           "the activations of every block: to compare a network with the same one elsewhere.";
  }
  std::vector<Example> examples() const override {
    return {{"Compute logits and activations",
             "assemble forward --model runs/photos/best.safetensors --input x.safetensors --output y.safetensors "
             "--endpoints"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file")->required();
    app.add_option("--input", input_, "safetensors file with 'input_nhwc': [N, height, width, 3], after preprocessing")
        ->required();
    app.add_option("--output", output_, "safetensors file to write: 'logits' and, with --endpoints, 'end/…' (NHWC)")
        ->required();
    app.add_flag("--endpoints", endpoints_, "Also write the activations, named as in the original's graph");
    app.add_option("--batch-size", batch_size_, "Images a pass")->transform(at_least(1));
    app.add_option("--device", device_, "What computes; auto: cuda where it can be used")->check(device_name());
    app.add_option("--threads", threads_, "Threads of the network on the CPU; 0: every core")
        ->transform(thread_count());
  }

  void run() override {
    prepare_output_file("--output", output_, {model_, input_});
    keep_freed_memory();
    if (threads_ > 0) torch::set_num_threads(threads_);
    const torch::NoGradGuard no_grad;
    const torch::Device device = parse_device(device_);
    const Classifier model = load_model(model_);
    model->to(device);
    const torch::Tensor images = read_images(input_);
    for (const torch::Tensor& batch : images.split(batch_size_)) {
      add(*model, batch.to(device, torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast));
    }
    NamedTensors outputs;
    for (const std::string& name : names_) outputs.emplace_back(name, torch::cat(parts_.at(name)));
    write_tensors(output_, outputs, {{"arch", model->arch().str()}});
    report(outputs);
  }

 private:
  void add(ClassifierImpl& model, const torch::Tensor& batch) {
    Endpoints endpoints;
    keep("logits", model.forward(batch, endpoints));
    if (!endpoints_) return;
    for (const auto& [name, activations] : endpoints) {
      keep("end/" + name, activations.dim() == 4 ? activations.permute({0, 2, 3, 1}) : activations);
    }
  }

  void keep(const std::string& name, const torch::Tensor& tensor) {
    std::vector<torch::Tensor>& parts = parts_[name];
    if (parts.empty()) names_.push_back(name);
    parts.push_back(tensor.to(torch::kCPU));
  }

  void report(const NamedTensors& outputs) const {
    nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
    std::vector<std::vector<std::string>> rows{{"tensor", "shape"}};
    for (const auto& [name, tensor] : outputs) {
      tensors[name] = tensor.sizes().vec();
      rows.push_back({name, concat(tensor.sizes())});
    }
    print({{"output", output_}, {"tensors", tensors}}, format_table(rows));
  }

  std::string model_;
  std::string input_;
  std::string output_;
  bool endpoints_ = false;
  int64_t batch_size_ = 32;
  std::string device_ = "auto";
  int threads_ = 0;
  std::vector<std::string> names_;  // in order of computation
  std::map<std::string, std::vector<torch::Tensor>> parts_;
};

}  // namespace

std::unique_ptr<Subcommand> make_forward_command() { return std::make_unique<ForwardCommand>(); }

}  // namespace assemble::cli
