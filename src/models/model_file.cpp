// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/model_file.h"

#include <charconv>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/deploy/graph_text.h"
#include "assemble/io/file_kind.h"
#include "assemble/models/defects.h"
#include "assemble/models/registry.h"
#include "assemble/models/tensor_file.h"
#include "assemble/trace/trace.h"

namespace assemble {
namespace {

constexpr int64_t kLargestStep = 64;

TracedNetwork trace_named(ClassifierImpl& model, int64_t image_size) {
  return trace(
      model, [&](const torch::Tensor& images) { return model.forward(images); }, image_size);
}

/// Whether the graph for another size is the one for this size with another input: what depends on the size otherwise
/// shows in a trace of its own.
bool fits_size(ClassifierImpl& model, const Graph& graph, const WeightNames& names, int64_t size) {
  try {
    const TracedNetwork there = trace_named(model, size);
    return to_text({at_size(graph, size, size)}, names) == to_text({there.graph}, there.names);
  } catch (const Error&) {
    return false;
  }
}

/// The graph as the file keeps it.
std::string graph_text(ClassifierImpl& model, int64_t image_size) {
  const TracedNetwork traced = trace_named(model, image_size);
  StoredGraph stored{traced.graph, 0, model.arch().size_multiple()};
  // Where padding depends on whether sides are even, only every second size has the same graph, and so on.
  const auto fits = [&](int64_t step) {
    return fits_size(model, traced.graph, traced.names, image_size + step) &&
           fits_size(model, traced.graph, traced.names, image_size + 2 * step);
  };
  for (int64_t step = stored.size_multiple; step <= kLargestStep && stored.size_step == 0; step *= 2) {
    if (fits(step)) stored.size_step = step;
  }
  return to_text(stored, traced.names);
}

/// Checks what can be checked before a network is built, so that a damaged file cannot ask for a huge one.
void check_outline(const SafetensorsFile& file, const ModelCard& card, const Arch& arch) {
  const auto expect = [&](const std::string& name, int64_t rows, const std::string& meaning) {
    const TensorEntry& entry = file.entry(name);
    if (!entry.shape.empty() && entry.shape[0] == rows) return;
    throw InputError(
        concat(file.path().string(), " tensor '", name, "'"),
        concat("has the shape ", torch::IntArrayRef(entry.shape), ", expected ", rows, " rows (", meaning, ")"));
  };
  expect("fc.weight", card.classes(), "one a class name");
  const std::string& width_tensor = network_kind(arch.base).width_tensor;
  if (!width_tensor.empty()) expect(width_tensor, arch.width, concat("the width of ", card.arch));
  if (arch.embedding > 0) expect("embedding_bn.weight", arch.embedding, "the embedding");
}

std::string defects(const SafetensorsFile& file, const NamedTensors& state) {
  Defects missing("missing"), unexpected("unexpected"), misshaped("mis-shaped");
  std::map<std::string, torch::Tensor> known(state.begin(), state.end());
  for (const auto& [name, tensor] : state) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      missing.add(name);
    } else if (found->second.shape != tensor.sizes().vec() || found->second.type != DataType::kF32) {
      misshaped.add(concat(name, " (", data_type_name(found->second.type), " ", torch::IntArrayRef(found->second.shape),
                           ", expected F32 ", tensor.sizes(), ")"));
    }
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (!known.count(name)) unexpected.add(name);
  }
  return missing.text() + unexpected.text() + misshaped.text();
}

void load_weights(const SafetensorsFile& file, const NamedTensors& state, const std::string& arch) {
  const std::string wrong = defects(file, state);
  if (!wrong.empty()) {
    throw InputError(file.path().string(), concat("its tensors are not those of ", arch, ":", wrong),
                     "the file was written by another version or is damaged");
  }
  read_tensors_into(file, "", state);
  const std::string damaged = not_finite(state);
  if (damaged.empty()) return;
  throw InputError(file.path().string(), "holds a network that computes nothing:" + damaged,
                   "its training diverged, or the file is damaged: use an earlier model");
}

int64_t flatten_size(const SafetensorsFile& file, const Arch& arch) {
  if (arch.pool != PoolType::kFlatten) return ClassifierOptions().image_size;
  const std::string& text =
      require_metadata(file.metadata(), "image_size", file.path().string(), "the file is damaged");
  int64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error == std::errc() && end == text.data() + text.size() && size >= 1 && size <= 65536) return size;
  throw InputError(concat(file.path().string(), " metadata 'image_size'"), concat("'", text, "' is not in 1 … 65536"));
}

}  // namespace

Graph trace(ClassifierImpl& model, int64_t image_size) { return trace_named(model, image_size).graph; }

Arch arch_of(const SafetensorsFile& file, const ModelCard& card) {
  Arch arch;
  try {
    arch = Arch::parse(card.arch);
  } catch (const UsageError& error) {
    throw InputError(file.path().string(), error.what(),
                     "was it written by a newer version, or is its network one that this program has to register?");
  }
  check_outline(file, card, arch);
  return arch;
}

void save_model(const fs::path& path, ClassifierImpl& model, const ModelCard& card) {
  if (card.classes() != model.options().classes) {
    throw UsageError("class names", concat("there are ", card.classes(), ", but the network has ",
                                           model.options().classes, " outputs"));
  }
  const NamedTensors state = model.named_state();
  const std::string damaged = not_finite(state);
  if (!damaged.empty()) throw RunError(path.string(), "is not written, the network computes nothing:" + damaged);
  ModelCard written = card;
  written.cosine_scale = model.options().cosine_scale;
  if (is_cosine(written.loss) != (written.cosine_scale > 0)) {
    throw UsageError(concat("loss ", kLossTypes.name(written.loss)), "is not that of the network's classifier");
  }
  Metadata metadata = to_metadata(written);
  metadata.merge(model_file_format());
  metadata["arch"] = model.arch().str();
  if (model.arch().pool == PoolType::kFlatten) metadata["image_size"] = std::to_string(model.options().image_size);
  try {
    metadata["graph"] = graph_text(model, card.preprocessing.eval_size);
  } catch (const UsageError& error) {
    log_warning(concat(path.string(), " gets no graph, only LibTorch can run it: ", error.what()));
  }
  write_tensors(path, state, metadata);
}

bool is_model_file(const fs::path& path) {
  if (!fs::is_regular_file(path) || identify_file(path).kind != FileKind::kSafetensors) return false;
  const SafetensorsFile file(path);
  const auto format = file.metadata().find("format");
  return format != file.metadata().end() && format->second == model_file_format().at("format");
}

Classifier load_model(const fs::path& path, ModelCard* card) {
  const SafetensorsFile file(path);
  const ModelCard read = read_model_card(file);
  const Arch arch = arch_of(file, read);
  Classifier model = make_empty_classifier(arch, {.classes = read.classes(),
                                                  .sigmoid_loss = read.loss == LossType::kSigmoid,
                                                  .cosine_scale = read.cosine_scale,
                                                  .image_size = flatten_size(file, arch)});
  load_weights(file, model->named_state(), read.arch);
  model->eval();
  if (card) *card = read;
  return model;
}

}  // namespace assemble
