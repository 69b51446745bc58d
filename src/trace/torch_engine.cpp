// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/torch_engine.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/cuda_runtime.h"
#include "assemble/nn/keep_threads.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/interpreter.h"
#include "fused_convolution.h"

namespace assemble {
namespace {

class TorchEngine : public Engine {
 public:
  TorchEngine(const Graph& graph, const EngineOptions& options)
      : options_(options), device_(parse_device(options.device)), interpreter_(graph, device_) {
    if (device_.is_cuda()) at::globalContext().setBenchmarkCuDNN(true);
  }

  Matrix run(const Images& images) override {
    const Node& input = interpreter_.graph().input();
    const bool pixels = input.as<ops::Input>()->pixels;
    require_images(images, input.shape.at(pixels ? 0 : 1), input.shape.at(pixels ? 1 : 2), pixels);
    const KeepThreads keep;
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    const c10::InferenceMode inference;
    const AutocastGuard autocast(device_, options_.precision);
    Matrix logits;
    for (int64_t begin = 0; begin < images.count; begin += options_.batch) {
      torch::Tensor part = to_tensor(images.part(begin, std::min(begin + options_.batch, images.count)));
      if (pixels && !images.bytes()) part = part.permute({0, 2, 3, 1}).round().clamp(0, 255).to(torch::kByte);
      logits.append(to_matrix(device_.is_cuda() ? recorded(part) : interpreter_.run(part)));
    }
    return logits;
  }

  int64_t outputs() const override { return interpreter_.graph().outputs(); }
  int64_t image_size() const override { return interpreter_.graph().input().shape.at(1); }
  std::string description() const override {
    return concat("LibTorch ", TORCH_VERSION, " on ", device_.str(), ", ", precision_name(precision()),
                  precision() == Precision::kInt8 ? " (computed in f32)" : "", ", ",
                  options_.threads > 0 ? options_.threads : at::get_num_threads(), " threads");
  }
  Precision precision() const override { return options_.precision; }

 private:
  /// The network on batches of one shape: launched as a whole, hundreds of kernels cost the CPU one call.
  struct Recording {
    torch::Tensor input, output;
    std::unique_ptr<RecordedWork> work;
  };

  /// By cuDNN's fused convolutions from the first batch on, where they give the same numbers.
  void fuse(const torch::Tensor& part) {
    has_tried_fusion_ = true;
    try {
      const torch::ScalarType type =
          at::autocast::is_autocast_enabled(at::kCUDA) ? at::autocast::get_autocast_dtype(at::kCUDA) : at::kFloat;
      Interpreter fused(interpreter_.graph(), device_, {cudnn_fused_convolution, type});
      const torch::Tensor images = part.to(device_);
      if (!agree(fused.run(images), interpreter_.run(images))) {
        throw RunError("cuDNN's fused convolutions", "give other numbers");
      }
      interpreter_ = std::move(fused);
    } catch (const std::exception& error) {
      log_warning(concat("convolutions are not fused, and are slower: ", error.what()));
    }
  }

  static bool agree(const torch::Tensor& found, const torch::Tensor& expected) {
    const torch::Tensor difference = (found.to(torch::kFloat) - expected.to(torch::kFloat)).abs().max();
    return (difference <= kTolerance * expected.abs().max()).item<bool>();  // not where one is NaN
  }

  torch::Tensor recorded(const torch::Tensor& part) {
    if (!has_tried_fusion_) fuse(part);
    if (!records_) return interpreter_.run(part.to(device_));
    const auto [found, is_new] = recordings_.try_emplace(part.sizes().vec());
    if (is_new) found->second = record(part);
    Recording& recording = found->second;
    if (!recording.work) return interpreter_.run(part.to(device_));
    recording.input.copy_(part);
    recording.work->replay();
    return recording.output;
  }

  /// Without work where it cannot be recorded, or gives other numbers than the network called as it is.
  Recording record(const torch::Tensor& part) {
    Recording recording{part.to(device_), {}, nullptr};
    // Weights that autocast has cast are freed with its cache, and the recording would read them later.
    const bool was_cached = at::autocast::is_autocast_cache_enabled();
    at::autocast::set_autocast_cache_enabled(false);
    try {
      const torch::Tensor expected = interpreter_.run(recording.input).clone();
      recording.work = cuda_runtime()->record(
          device_, [&] { recording.output = interpreter_.run(recording.input); }, kWarmUp);
      recording.work->replay();
      if (!agree(recording.output, expected)) {
        throw RunError("a recorded network", "gives other numbers than the network");
      }
    } catch (const std::exception& error) {
      log_warning(concat("the network is not recorded as a CUDA graph, and is slower: ", error.what()));
      recording.work.reset();
      records_ = false;
    }
    at::autocast::set_autocast_cache_enabled(was_cached);
    return recording;
  }

  static constexpr double kTolerance = 0.03;  // bf16 rounds to 0.004
  static constexpr int kWarmUp = 3;           // cuDNN chooses its algorithms meanwhile

  EngineOptions options_;
  torch::Device device_;
  Interpreter interpreter_;
  std::map<std::vector<int64_t>, Recording> recordings_;
  bool records_ = true;
  bool has_tried_fusion_ = false;
};

}  // namespace

std::unique_ptr<Engine> make_torch_engine(const Graph& graph, const EngineOptions& options) {
  return std::make_unique<TorchEngine>(graph, options);
}

}  // namespace assemble
