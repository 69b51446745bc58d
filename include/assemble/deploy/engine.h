// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/deploy/foreign_options.h"
#include "assemble/deploy/graph.h"
#include "assemble/deploy/model_file.h"

namespace assemble {

enum class EngineKind {
  kTorch,  ///< of the half with LibTorch: see torch_backend.h
  kOpenvino,
};
inline constexpr auto kEngineKinds =
    choices<EngineKind>("engine", {{EngineKind::kOpenvino, "openvino"}, {EngineKind::kTorch, "torch"}});

/// How OpenVINO uses the threads for a batch.
enum class EngineHint {
  kAuto,        ///< from 4 images up shared between streams, at least two images each; else one stream on all threads
  kThroughput,  ///< shared between as many streams as there are threads, at least one image each
  kLatency,     ///< one stream on all threads
};
inline constexpr auto kEngineHints = choices<EngineHint>(
    "hint", {{EngineHint::kAuto, "auto"}, {EngineHint::kThroughput, "throughput"}, {EngineHint::kLatency, "latency"}});

/// OpenVINO on the CPU where this build has it, else LibTorch.
/// @param device "auto" (CUDA where the half with LibTorch is linked and finds it), "cpu", "cuda" or "cuda:N"
EngineKind default_engine(const std::string& device);

struct EngineOptions {
  EngineKind kind = EngineKind::kOpenvino;
  Precision precision = Precision::kF32;
  int64_t batch = 1;       ///< images that are computed at once; larger inputs are cut, the last part is filled up
  int threads = 0;         ///< of the processor; 0: every core
  int64_t image_size = 0;  ///< of open_engine(): side of the input, pixels; 0: the model's own
  EngineHint hint = EngineHint::kAuto;
  std::string device = "cpu";  ///< of the LibTorch engine, as in default_engine()
  /// Folder of compiled models (OpenVINO); empty: compile anew. Its files may be removed at any time.
  fs::path cache = {};
  /// The network as it is written, without the rewrites of optimise(): to compare with.
  bool plain = false;
  /// Of networks that others wrote: what is said here goes before what the .toml file beside such a one says.
  ForeignModelOptions foreign = {};
};

/// A network compiled for inference. One thread at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  /// @param images any number of them, of the size that the graph's input says. Where the preprocessing is inside they
  ///        are bytes, or floats in [0, 255], which are rounded
  /// @return logits [N, classes]
  /// @throws UsageError when the images are of another size or kind, or hold NaN or infinity
  virtual Matrix run(const Images& images) = 0;
  /// Columns of what run() gives.
  virtual int64_t outputs() const = 0;
  /// Side of the input, pixels.
  virtual int64_t image_size() const = 0;
  /// For people: engine, its version, precision, threads.
  virtual std::string description() const = 0;
  /// The precision in use, which is f32 where the processor lacks the one asked for.
  virtual Precision precision() const = 0;
};

/// @throws UsageError when the images are not of the size that a network takes, bytes where it takes floats, or not
///         finite: a rectifier makes a zero of NaN, so that the logits would not show it
/// @param pixels whether its preprocessing is inside
void require_images(const Images& images, int64_t height, int64_t width, bool pixels);

/// An engine for a graph that is optimised (and quantised) already. Precision kInt8 asks for a quantised graph.
/// @throws UsageError when this build lacks the engine (NeedsTorch for LibTorch's), RunError when it cannot compile the
///         graph
std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options);

/// A model on disk as an engine runs it.
struct DeployedModel {
  ModelCard card;
  std::unique_ptr<Engine> engine;
};

/// Opens a model file (.safetensors), an .onnx file that `assemble export` wrote, or an .onnx or .xml file that another
/// program wrote (see foreign_model.h). What is understood of these, and what is guessed, goes to the log.
/// @param options its precision is replaced by int8 for an .onnx file with 8-bit weights
/// @throws InputError when the file cannot be used, or names more or fewer classes than the network has outputs;
///         UsageError for int8 on a model file, which has no 8-bit weights,
///         and for an .onnx file on the LibTorch engine; NeedsTorch as read_graph()
DeployedModel open_engine(const fs::path& path, const EngineOptions& options);

/// Key in the metadata of an .onnx file that gives embeddings beside its logits: how many values they have.
inline constexpr const char* kEmbeddingSize = "embedding_size";

/// The same for embeddings: run() gives the input of the classifier's dense layer before any activation, [N, E]; of a
/// network that others wrote, what ForeignModelOptions::embedding_name says.
/// @throws as above, and UsageError for an .onnx file of `assemble export` without kEmbeddingSize
DeployedModel open_embedder(const fs::path& path, const EngineOptions& options);

/// The card of whatever open_engine() opens. Of a network that others wrote it has no classes where the file does not
/// tell how many there are.
/// @throws InputError as that
ModelCard card_of_network(const fs::path& path, const ForeignModelOptions& foreign = {});

/// Identifies what a network's file holds, with the files beside it that hold weights of it: a hash of their contents.
/// @throws InputError when one cannot be read
std::string network_content(const fs::path& path);

/// $XDG_CACHE_HOME/assemble or ~/.cache/assemble; empty when neither is set.
fs::path default_engine_cache();

/// The metadata of an exported .onnx file, and the card in it.
Metadata to_metadata(const ModelCard& card, Precision precision);
/// @throws InputError when a key is missing: the file was not written by `assemble export`
ModelCard card_of_onnx(const fs::path& path, bool* quantised = nullptr);

}  // namespace assemble
