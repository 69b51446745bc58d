// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/torch_engine.h"

#include <torch/torch.h>

#include "assemble/core/error.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/keep_threads.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/interpreter.h"

namespace assemble {
namespace {

class TorchEngine : public Engine {
 public:
  TorchEngine(const Graph& graph, const EngineOptions& options)
      : options_(options), device_(parse_device(options.device)), interpreter_(graph, device_) {}

  Matrix run(const Images& images) override {
    const Node& input = interpreter_.graph().input();
    const bool pixels = input.as<ops::Input>()->pixels;
    require_images(images, input.shape.at(pixels ? 0 : 1), input.shape.at(pixels ? 1 : 2), pixels);
    const KeepThreads keep;
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    const c10::InferenceMode inference;
    const AutocastGuard autocast(device_, options_.precision == Precision::kBf16 ? Precision::kBf16 : Precision::kF32);
    Matrix logits;
    for (int64_t begin = 0; begin < images.count; begin += options_.batch) {
      torch::Tensor part = to_tensor(images.part(begin, std::min(begin + options_.batch, images.count)));
      if (pixels && !images.bytes()) part = part.permute({0, 2, 3, 1}).round().clamp(0, 255).to(torch::kByte);
      logits.append(to_matrix(interpreter_.run(part.to(device_))));
    }
    return logits;
  }

  int64_t image_size() const override { return interpreter_.graph().input().shape.at(1); }
  std::string description() const override {
    return concat("LibTorch ", TORCH_VERSION, " on ", device_.str(), ", ", precision_name(precision()),
                  precision() == Precision::kInt8 ? " (computed in f32)" : "", ", ",
                  options_.threads > 0 ? options_.threads : at::get_num_threads(), " threads");
  }
  Precision precision() const override { return options_.precision; }

 private:
  EngineOptions options_;
  torch::Device device_;
  Interpreter interpreter_;
};

}  // namespace

std::unique_ptr<Engine> make_torch_engine(const Graph& graph, const EngineOptions& options) {
  return std::make_unique<TorchEngine>(graph, options);
}

}  // namespace assemble
