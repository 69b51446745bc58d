// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/engine.h"

#include <cstdlib>

#include "assemble/core/content_hash.h"
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/io/onnx_writer.h"
#include "assemble/trace/trace.h"
#include "engines/engines.h"

namespace assemble {
namespace {

bool is_onnx(const fs::path& path) { return path.extension() == ".onnx"; }

Graph optimised_graph(const fs::path& path, int64_t image_size) {
  return optimise(trace(*load_model(path), image_size));
}

/// Each step frees what the one before it made: weights are in memory twice at most.
std::string onnx_of(const fs::path& path, int64_t image_size) {
  OnnxModel model = to_onnx(optimised_graph(path, image_size));
  release_freed_memory();
  return serialise(std::move(model));
}

std::unique_ptr<Engine> openvino_engine([[maybe_unused]] const std::function<std::string()>& onnx,
                                        [[maybe_unused]] const EngineOptions& options,
                                        [[maybe_unused]] const std::string& identity,
                                        [[maybe_unused]] const std::string& where) {
#ifdef ASSEMBLE_OPENVINO
  return make_openvino_engine(onnx, options, identity, where);
#else
  throw UsageError("engine openvino", "this build has no OpenVINO", "use --engine torch, or build with OpenVINO");
#endif
}

/// What a model is made of: names and times tell nothing of a file's content.
std::string identity(const fs::path& path) {
  std::string contents = content_hash(path);
  if (is_onnx(path)) {
    for (const std::string& file : read_onnx_external_files(path)) {
      contents += " " + content_hash(path.parent_path() / file);
    }
  }
  return concat(contents, "|", ASSEMBLE_VERSION);
}

void check_options(const EngineOptions& options) {
  if (options.batch < 1) throw UsageError("batch", concat(options.batch, " is below 1"));
  if (options.threads < 0) throw UsageError("threads", concat(options.threads, " is below 0"), "0 takes every core");
  if (options.image_size < 0) throw UsageError("image size", concat(options.image_size, " is below 0"));
}

}  // namespace

EngineKind parse_engine(const std::string& name) { return kEngineKinds.parse(name); }
EngineHint parse_engine_hint(const std::string& name) { return kEngineHints.parse(name); }
const char* engine_name(EngineKind kind) { return kEngineKinds.name(kind); }

EngineKind default_engine([[maybe_unused]] torch::Device device) {
#ifdef ASSEMBLE_OPENVINO
  if (device.is_cpu()) return EngineKind::kOpenvino;
#endif
  return EngineKind::kTorch;
}

void require_images(const torch::Tensor& images, const std::array<int64_t, 3>& sides, bool pixels) {
  const auto [height, width, channels] = sides;
  const bool batch = images.defined() && images.dim() == 4;
  const bool planes = batch && images.size(1) == channels && images.size(2) == height && images.size(3) == width;
  const bool rows = batch && images.size(1) == height && images.size(2) == width && images.size(3) == channels;
  if (pixels && batch && images.scalar_type() == torch::kByte ? rows : planes) return;
  const std::string given =
      images.defined() ? concat("are ", images.sizes(), " of ", images.scalar_type()) : std::string("are undefined");
  throw UsageError("images",
                   concat(given, ", the network takes [N, ", channels, ", ", height, ", ", width, "] of Float",
                          pixels ? concat(" or [N, ", height, ", ", width, ", ", channels, "] of Byte") : ""));
}

std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options) {
  check_options(options);
  if (options.kind == EngineKind::kTorch) return make_torch_engine(graph, options);
  return openvino_engine([&] { return serialise(to_onnx(graph)); }, options, "", "network");
}

DeployedModel open_engine(const fs::path& path, const EngineOptions& options) {
  check_options(options);
  DeployedModel model;
  EngineOptions chosen = options;
  if (is_onnx(path)) {
    bool quantised = false;
    model.card = card_of_onnx(path, &quantised);
    if (options.kind == EngineKind::kTorch) {
      throw UsageError("engine torch", concat("does not read ", path.string()),
                       "give the .safetensors file, or use --engine openvino");
    }
    if (quantised) chosen.precision = EnginePrecision::kInt8;
  } else {
    model.card = read_model_card(path);
  }
  if (!is_onnx(path) && chosen.precision == EnginePrecision::kInt8) {
    throw UsageError(path.string(), "has no 8-bit weights",
                     concat("make them first: assemble export --int8 --calibration DATA --model ", path.string()));
  }
  const int64_t size = options.image_size > 0 ? options.image_size : model.card.preprocessing.eval_size;
  if (is_onnx(path) && size != model.card.preprocessing.eval_size) {
    throw UsageError(path.string(), concat("is for images of ", model.card.preprocessing.eval_size, ", not ", size),
                     concat("export it again with --image-size ", size));
  }
  if (chosen.kind == EngineKind::kTorch) {
    model.engine = make_torch_engine(optimised_graph(path, size), chosen);
    return model;
  }
  std::function<std::string()> onnx;  // an .onnx file is OpenVINO's to read
  if (!is_onnx(path)) onnx = [&] { return onnx_of(path, size); };
  const std::string key = chosen.cache.empty() ? "" : concat(identity(path), "|", size);
  model.engine = openvino_engine(onnx, chosen, key, path.string());
  return model;
}

std::unique_ptr<Engine> open_foreign(const fs::path& path, const EngineOptions& options) {
  check_options(options);
  if (options.kind != EngineKind::kOpenvino) {
    throw UsageError(path.string(), "is no model file of assemble", "only the engine openvino reads it");
  }
  return openvino_engine({}, options, "", path.string());
}

fs::path default_engine_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "assemble";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "assemble";
  return {};
}

Metadata to_metadata(const ModelCard& card, EnginePrecision precision) {
  Metadata metadata = to_metadata(card);
  metadata.insert({{"format", "assemble"}, {"precision", precision_name(precision)}});
  return metadata;
}

ModelCard card_of_onnx(const fs::path& path, bool* quantised) {
  constexpr const char* kExpected = "expected a file that `assemble export` wrote";
  const Metadata metadata = read_onnx_metadata(path);
  const ModelCard card = card_from_metadata(metadata, path.string(), kExpected);
  if (quantised) *quantised = require_metadata(metadata, "precision", path.string(), kExpected) == "int8";
  return card;
}

}  // namespace assemble
