// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include "assemble/core/error.h"
#include "assemble/nn/autocast.h"
#include "assemble/trace/interpreter.h"
#include "engines/engines.h"

namespace assemble {
namespace {

class TorchEngine : public Engine {
 public:
  TorchEngine(const Graph& graph, const EngineOptions& options) : graph_(graph), options_(options) {
    if (options.threads > 0) torch::set_num_threads(options.threads);
    for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
      if (auto* conv = std::get_if<ops::Convolution>(&graph_.node(id).op)) {
        conv->weight = conv->weight.to(options.device, torch::kFloat).contiguous(torch::MemoryFormat::ChannelsLast);
        if (conv->bias.defined()) conv->bias = conv->bias.to(options.device, torch::kFloat);
      }
      if (auto* affine = std::get_if<ops::Affine>(&graph_.node(id).op)) {
        affine->scale = affine->scale.to(options.device);
        affine->shift = affine->shift.to(options.device);
      }
    }
  }

  torch::Tensor run(const torch::Tensor& images) override {
    const bool pixels = graph_.input().as<ops::Input>()->pixels;
    const std::vector<int64_t>& shape = graph_.input().shape;
    const std::array<int64_t, 3> as_pixels{shape.at(0), shape.at(1), shape.at(2)};
    require_images(images, pixels ? as_pixels : std::array{shape[1], shape[2], shape[0]}, pixels);
    const c10::InferenceMode inference;
    const AutocastGuard autocast(options_.device, options_.precision);
    std::vector<torch::Tensor> logits;
    for (torch::Tensor part : images.split(options_.batch)) {
      if (pixels && part.scalar_type() != torch::kByte) {
        part = part.permute({0, 2, 3, 1}).round().clamp(0, 255).to(torch::kByte);
      }
      logits.push_back(interpret(graph_, part.to(options_.device)).to(torch::kCPU, torch::kFloat));
    }
    return torch::cat(logits);
  }

  int64_t image_size() const override { return graph_.input().shape.at(1); }
  std::string description() const override {
    return concat("LibTorch ", TORCH_VERSION, " on ", options_.device.str(), ", ", precision_name(precision()),
                  precision() == EnginePrecision::kInt8 ? " (computed in f32)" : "", ", ", at::get_num_threads(),
                  " threads");
  }
  EnginePrecision precision() const override { return options_.precision; }

 private:
  Graph graph_;
  EngineOptions options_;
};

}  // namespace

std::unique_ptr<Engine> make_torch_engine(const Graph& graph, const EngineOptions& options) {
  return std::make_unique<TorchEngine>(graph, options);
}

}  // namespace assemble
