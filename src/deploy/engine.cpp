// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/engine.h"

#include <algorithm>
#include <cstdlib>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/torch_backend.h"
#include "assemble/io/onnx_writer.h"
#include "engines/engines.h"
#include "engines/overflow.h"

namespace assemble {
namespace {

bool is_onnx(const fs::path& path) { return path.extension() == ".onnx"; }
bool is_ir(const fs::path& path) { return path.extension() == kIrEnding; }

std::unique_ptr<Engine> openvino_engine([[maybe_unused]] const std::function<std::string()>& onnx,
                                        [[maybe_unused]] const EngineOptions& options,
                                        [[maybe_unused]] const std::string& identity,
                                        [[maybe_unused]] const std::string& where,
                                        [[maybe_unused]] const NetworkForm& form = {}) {
#ifdef ASSEMBLE_OPENVINO
  return make_openvino_engine(onnx, options, identity, where, form);
#else
  throw UsageError("`engine` openvino", "this build has no OpenVINO", "use `engine` torch, or build with OpenVINO");
#endif
}

/// What a model is made of: names and times tell nothing of a file's content.
std::string identity(const fs::path& path) { return concat(network_content(path), "|", ASSEMBLE_VERSION); }

void check_options(const EngineOptions& options) {
  if (options.batch < 1) throw UsageError("batch", concat(options.batch, " is below 1"));
  if (options.threads < 0) throw UsageError("threads", concat(options.threads, " is below 0"), "0 takes every core");
  if (options.image_size < 0) throw UsageError("image size", concat(options.image_size, " is below 0"));
}

}  // namespace

EngineKind default_engine(const std::string& device) {
#ifdef ASSEMBLE_OPENVINO
  const bool on_cpu = device == "cpu" || (device == "auto" && !(has_torch_backend() && torch_backend("").has_cuda()));
  return on_cpu ? EngineKind::kOpenvino : EngineKind::kTorch;
#else
  return EngineKind::kTorch;
#endif
}

void require_images(const Images& images, int64_t height, int64_t width, bool pixels) {
  if (images.height != height || images.width != width || (!pixels && images.bytes())) {
    throw UsageError("images",
                     concat("are ", images.height, "×", images.width, " of ", images.bytes() ? "bytes" : "floats",
                            ", the network takes ", height, "×", width, pixels ? " of bytes or floats" : " of floats"));
  }
  if (images.bytes()) return;
  const float* values = std::get<const float*>(images.pixels);
  if (!all_finite({values, static_cast<size_t>(images.count * images.values_per_image())})) {
    throw UsageError("images", "hold NaN or infinity", "give numbers as the preprocessing makes them");
  }
}

std::unique_ptr<Engine> make_engine(const Graph& graph, const EngineOptions& options) {
  check_options(options);
  if (options.kind == EngineKind::kTorch) return torch_backend("engine torch").make_engine(graph, options);
  return openvino_engine([&] { return serialise(to_onnx(graph)); }, options, "", "network");
}

namespace {

/// Whether height and width of the images are any.
bool leaves_size_open(const OnnxInterface& interface) {
  if (interface.inputs.empty()) return false;
  const std::vector<int64_t>& dims = interface.inputs.front().dims;
  return dims.empty() || std::count(dims.begin() + 1, dims.end(), -1) >= 2;
}

/// A network that others wrote, at the size that is asked for.
ForeignModel read_foreign_at(const fs::path& path, const EngineOptions& options) {
  const auto size = static_cast<int>(options.image_size);
  const OnnxInterface interface = read_foreign_interface(path);
  ForeignModelOptions said = foreign_options(path, options.foreign);
  if (size > 0 && !said.size && leaves_size_open(interface)) said.size = size;
  ForeignModel foreign = describe_foreign(interface, said, path);
  if (options.precision == Precision::kInt8 && !foreign.in_8_bits) {
    throw UsageError(path.string(),
                     "is not in 8 bits: a network of another program computes in int8 where its file does",
                     "write such a file with assemble export --int8");
  }
  Preprocessing& preprocessing = foreign.card.preprocessing;
  if (size == 0 || size == preprocessing.eval_size) return foreign;
  if (!foreign.any_size) {
    throw UsageError(path.string(),
                     concat("is for images of ", preprocessing.eval_size, ", not `image_size` ", options.image_size),
                     "export it for any size, or leave the size out");
  }
  preprocessing.eval_resize = size * preprocessing.eval_resize / preprocessing.eval_size;
  preprocessing.eval_size = preprocessing.train_size = size;
  return foreign;
}

std::unique_ptr<Engine> foreign_engine(const fs::path& path, const ForeignModel& foreign, EngineOptions options,
                                       NetworkForm form) {
  if (foreign.in_8_bits && options.precision == Precision::kF32) options.precision = Precision::kInt8;
  form.foreign = &foreign;
  const std::string part =
      concat("|", foreign.card.preprocessing.eval_size, form.embedding ? concat("|embedding|", form.output) : "");
  const std::string key = options.cache.empty() ? "" : concat(identity(path), "|", foreign.description, part);
  return openvino_engine({}, options, key, path.string(), form);
}

DeployedModel open_foreign_classifier(const fs::path& path, const EngineOptions& options) {
  ForeignModel foreign = read_foreign_at(path, options);
  log_info(concat(path.string(), ": ", foreign.description));
  for (const std::string& guess : foreign.guesses) {
    log_info(concat(path.string(), ": not said, so guessed: ", guess));
  }
  auto engine = foreign_engine(path, foreign, options, {.output = foreign.output_name});
  foreign.count_classes(engine->outputs());
  if (options.foreign.assume) return {foreign.card, std::move(engine)};
  return {foreign.card, as_logits(std::move(engine), foreign, path.string())};
}

DeployedModel open_foreign_embedder(const fs::path& path, const EngineOptions& options) {
  const ForeignModel foreign = read_foreign_at(path, options);
  log_info(concat(
      path.string(), ": ", foreign.description, "; embeddings are ",
      foreign.embedding_name.empty() ? "what its last dense layer takes" : concat("'", foreign.embedding_name, "'")));
  return {foreign.card, foreign_engine(path, foreign, options, {.output = foreign.embedding_name, .embedding = true})};
}

/// @throws UsageError for another engine than the one that reads files of ONNX and OpenVINO
void require_openvino(const fs::path& path, EngineKind kind) {
  if (kind == EngineKind::kOpenvino) return;
  throw UsageError(concat("engine ", kEngineKinds.name(kind)), concat("does not read ", path.string()),
                   "give the .safetensors file, or use `engine` openvino");
}

/// @param output kLogitsOutput or kEmbeddingOutput
DeployedModel open_onnx(const fs::path& path, const EngineOptions& options, const std::string& output) {
  bool quantised = false;
  DeployedModel model{card_of_onnx(path, &quantised), nullptr};
  const int size = model.card.preprocessing.eval_size;
  if (options.image_size > 0 && options.image_size != size) {
    throw UsageError(path.string(), concat("is for images of ", size, ", not ", options.image_size),
                     concat("export it again with `image_size` ", options.image_size));
  }
  EngineOptions chosen = options;
  if (quantised) chosen.precision = Precision::kInt8;
  const std::string part = output == kLogitsOutput ? "" : "|" + output;
  const std::string key = options.cache.empty() ? "" : concat(identity(path), "|", size, part);
  model.engine = openvino_engine({}, chosen, key, path.string(), {.output = output});  // the file is OpenVINO's to read
  return model;
}

/// @param cut what is left of the traced graph, and what that is called in the cache
DeployedModel open_model_file(const fs::path& path, const EngineOptions& options,
                              const std::function<Graph(const Graph&)>& cut, const std::string& part) {
  if (options.precision == Precision::kInt8) {
    throw UsageError(path.string(), "has no 8-bit weights",
                     concat("make them first: assemble export --int8 --calibration DATA --model ", path.string()));
  }
  const SafetensorsFile file(path);
  DeployedModel model{read_model_card(file), nullptr};
  const int64_t size = options.image_size > 0 ? options.image_size : model.card.preprocessing.eval_size;
  const auto graph = [&] {
    const Graph whole = read_graph(file, size);
    if (options.kind == EngineKind::kOpenvino) warn_of_overflow(whole, model.card, path.string());
    const Graph traced = cut(whole);
    return options.plain ? traced : optimise(traced);
  };
  if (options.kind == EngineKind::kTorch) {
    model.engine = torch_backend("engine torch").make_engine(graph(), options);
    return model;
  }
  const auto onnx = [&] {
    OnnxModel lowered = to_onnx(graph());
    release_freed_memory();  // weights are in memory twice at most
    return serialise(std::move(lowered));
  };
  const std::string key = options.cache.empty() ? "" : concat(identity(path), "|", size, part);
  model.engine = openvino_engine(onnx, options, key, path.string());
  return model;
}

}  // namespace

DeployedModel open_engine(const fs::path& path, const EngineOptions& options) {
  check_options(options);
  const auto whole = [](const Graph& graph) { return graph; };
  const bool onnx = is_onnx(path) || is_ir(path);
  if (onnx) require_openvino(path, options.kind);
  if (onnx && is_foreign(path)) return open_foreign_classifier(path, options);
  DeployedModel model = onnx ? open_onnx(path, options, kLogitsOutput)
                             : open_model_file(path, options, whole, options.plain ? "|plain" : "");
  require_class_names(model.card, model.engine->outputs(), path.string());
  return model;
}

DeployedModel open_embedder(const fs::path& path, const EngineOptions& options) {
  check_options(options);
  if (!is_onnx(path) && !is_ir(path)) {
    return open_model_file(path, options, embedding_of, options.plain ? "|embedding|plain" : "|embedding");
  }
  require_openvino(path, options.kind);
  if (is_foreign(path)) return open_foreign_embedder(path, options);
  if (read_onnx_metadata(path).contains(kEmbeddingSize)) return open_onnx(path, options, kEmbeddingOutput);
  throw UsageError(path.string(), "gives logits and no embeddings",
                   "write it with assemble export --embedding, or give the model file that it was exported from");
}

ModelCard card_of_network(const fs::path& path, const ForeignModelOptions& foreign) {
  if (!is_onnx(path) && !is_ir(path)) return read_model_card(path);
  return is_foreign(path) ? read_foreign(path, foreign).card : card_of_onnx(path);
}

std::string network_content(const fs::path& path) {
  std::string contents = content_hash(path);
  if (is_onnx(path)) {
    for (const std::string& file : read_onnx_external_files(path)) {
      contents += " " + content_hash(path.parent_path() / file);
    }
  }
  if (is_ir(path)) contents += " " + content_hash(fs::path(path).replace_extension(".bin"));
  return contents;
}

fs::path default_engine_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "assemble";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "assemble";
  return {};
}

Metadata to_metadata(const ModelCard& card, Precision precision) {
  Metadata metadata = to_metadata(card);
  metadata.insert({{"format", "assemble"}, {"precision", precision_name(precision)}});
  return metadata;
}

ModelCard card_of_onnx(const fs::path& path, bool* quantised) {
  constexpr const char* kExpected = "expected a file that `assemble export` wrote";
  const Metadata metadata = read_onnx_metadata(path);
  ModelCard card = card_from_metadata(metadata, path.string(), kExpected);
  if (quantised) *quantised = require_metadata(metadata, "precision", path.string(), kExpected) == "int8";
  return card;
}

}  // namespace assemble
