// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/deploy/graph.h"
#include "assemble/models/model_file.h"

namespace assemble {

enum class EngineKind { kTorch, kOpenvino };
inline constexpr auto kEngineKinds =
    choices<EngineKind>("engine", {{EngineKind::kOpenvino, "openvino"}, {EngineKind::kTorch, "torch"}});

using EnginePrecision = Precision;

/// How OpenVINO uses the threads for a batch.
enum class EngineHint {
  kAuto,        ///< from 4 images up shared between streams, at least two images each; else one stream on all threads
  kThroughput,  ///< shared between as many streams as there are threads, at least one image each
  kLatency,     ///< one stream on all threads
};
inline constexpr auto kEngineHints = choices<EngineHint>(
    "hint", {{EngineHint::kAuto, "auto"}, {EngineHint::kThroughput, "throughput"}, {EngineHint::kLatency, "latency"}});

/// "torch" or "openvino". @throws UsageError otherwise, or when this build has no such engine
EngineKind parse_engine(const std::string& name);
/// "auto", "throughput" or "latency". @throws UsageError otherwise
EngineHint parse_engine_hint(const std::string& name);
/// OpenVINO on the CPU where this build has it, else LibTorch.
EngineKind default_engine(torch::Device device);
const char* engine_name(EngineKind kind);

struct EngineOptions {
  EngineKind kind = EngineKind::kOpenvino;
  EnginePrecision precision = EnginePrecision::kF32;
  int64_t batch = 1;       ///< images that are computed at once; larger inputs are cut, the last part is filled up
  int threads = 0;         ///< of the processor; 0: every core
  int64_t image_size = 0;  ///< of open_engine(): side of the input, pixels; 0: the model's own
  EngineHint hint = EngineHint::kAuto;
  torch::Device device = torch::kCPU;  ///< of the LibTorch engine
  /// Folder of compiled models (OpenVINO); empty: compile anew. Its files may be removed at any time.
  fs::path cache = {};
};

/// A network compiled for inference. One thread at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  /// @param images any number of them, as the graph's input says: [N, 3, H, W] f32 (best in channels_last memory), or
  ///        [N, H, W, 3] bytes when the preprocessing is inside; then also [N, 3, H, W] f32 in [0, 255], rounded
  /// @return logits [N, classes], f32, on the CPU
  /// @throws UsageError when the images are of another size or kind
  virtual torch::Tensor run(const torch::Tensor& images) = 0;
  /// Side of the input, pixels.
  virtual int64_t image_size() const = 0;
  /// For people: engine, its version, precision, threads.
  virtual std::string description() const = 0;
  /// The precision in use, which is f32 where the processor lacks the one asked for.
  virtual EnginePrecision precision() const = 0;
};

/// An engine for a graph that is optimised (and quantised) already. Precision kInt8 asks for a quantised graph.
/// @throws UsageError when this build lacks the engine, RunError when it cannot compile the graph
std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options);

/// A model on disk as an engine runs it.
struct DeployedModel {
  ModelCard card;
  std::unique_ptr<Engine> engine;
};

/// Opens a model file (.safetensors) or an .onnx file that `assemble export` wrote.
/// @param options its precision is replaced by int8 for an .onnx file with 8-bit weights
/// @throws InputError when the file cannot be used; UsageError for int8 on a model file, which has no 8-bit weights,
///         and for an .onnx file on the LibTorch engine
DeployedModel open_engine(const fs::path& model, const EngineOptions& options);

/// Opens a network that others wrote, to compare speeds with: .onnx, or OpenVINO's .xml, of one input [N, 3, S, S] and
/// one output [N, classes]. It is compiled as open_engine() compiles its own.
/// @throws InputError when OpenVINO cannot read it or it has other inputs and outputs; UsageError on another engine
std::unique_ptr<Engine> open_foreign(const fs::path& path, const EngineOptions& options);

/// $XDG_CACHE_HOME/assemble or ~/.cache/assemble; empty when neither is set.
fs::path default_engine_cache();

/// The metadata of an exported .onnx file, and the card in it.
Metadata to_metadata(const ModelCard& card, EnginePrecision precision);
/// @throws InputError when a key is missing: the file was not written by `assemble export`
ModelCard card_of_onnx(const fs::path& path, bool* quantised = nullptr);

}  // namespace assemble
