// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <optional>

#include "assemble/deploy/engine.h"
#include "assemble/eval/network.h"
#include "assemble/eval/predict.h"
#include "binding.h"
#include "image_source.h"
#include "workers.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace assemble::python {

namespace {

constexpr int64_t kLargestBatch = 65536;

/// An open model. Any number of threads may use it.
class Model {
 public:
  Model(const fs::path& path, const EngineOptions& options)
      : path_(path), options_(options), decoders_(options.threads), opened_(open_engine(path, options)) {}

  const ModelCard& card() const { return opened_.card; }
  const Engine& engine() const { return *opened_.engine; }

  Matrix logits(const std::vector<ImageSource>& images) {
    return run(images, opened_.engine->outputs(), [&](const Images& batch) {
      const std::lock_guard lock(computing_);
      return opened_.engine->run(batch);
    });
  }

  int64_t embedding_size() {
    const std::lock_guard lock(computing_);
    return embedder().outputs();
  }

  Matrix embeddings(const std::vector<ImageSource>& images) {
    return run(images, embedding_size(), [&](const Images& batch) {
      const std::lock_guard lock(computing_);
      return embedder().run(batch);
    });
  }

 private:
  Engine& embedder() {
    if (!embedder_) embedder_ = open_embedder(path_, options_).engine;
    return *embedder_;
  }

  /// Prepares and computes images a few at a time. @throws the first one's error
  Matrix run(const std::vector<ImageSource>& images, int64_t columns, const Network& network) {
    const int64_t chunk = (decoders_.threads() + options_.batch - 1) / options_.batch * options_.batch;
    const auto count = static_cast<int64_t>(images.size());
    Matrix outputs(0, columns);
    for (int64_t begin = 0; begin < count; begin += chunk) {
      const int64_t size = std::min(chunk, count - begin);
      std::vector<std::exception_ptr> failures(static_cast<size_t>(size));
      const auto prepare = [&](int64_t i, std::span<float> input) {
        try {
          images[static_cast<size_t>(begin + i)].prepare(card().preprocessing, input);
        } catch (...) {
          failures[static_cast<size_t>(i)] = std::current_exception();
          throw;
        }
      };
      const BatchOutputs part = run_batch(network, card().preprocessing, size, prepare, decoders_);
      for (const std::exception_ptr& failure : failures) {
        if (failure) std::rethrow_exception(failure);
      }
      for (size_t i = 0; i < part.errors.size(); ++i) {
        if (!part.errors[i].empty()) throw InputError(images[static_cast<size_t>(begin) + i].where(), part.errors[i]);
      }
      outputs.append(part.values);
    }
    return outputs;
  }

  fs::path path_;
  EngineOptions options_;
  ThreadPool decoders_;
  std::mutex computing_;  ///< an engine takes one thread at a time
  DeployedModel opened_;
  std::unique_ptr<Engine> embedder_;  ///< opened by the first call that needs it
};

std::unique_ptr<Model> open_model(const fs::path& path, int64_t batch_size, int threads, const std::string& precision,
                                  const std::optional<fs::path>& cache) {
  if (batch_size < 1 || batch_size > kLargestBatch) {
    throw UsageError("`batch_size`", concat(batch_size, " is out of range, expected 1 … ", kLargestBatch));
  }
  EngineOptions options;
  options.batch = batch_size;
  options.threads = count_threads(threads);
  options.precision = parse_precision(precision);
  options.cache = cache.value_or("");
  return std::make_unique<Model>(path, options);
}

using Compute = Matrix (Model::*)(const std::vector<ImageSource>&);

/// Computes without the interpreter's lock.
Matrix compute_unlocked(Model& model, Compute compute, const ImageSources& sources) {
  const nb::gil_scoped_release release;
  return (model.*compute)(sources.images);
}

template <Compute kCompute>
NumpyArray<float> outputs_of(Model& model, nb::handle images) {
  const ImageSources sources = to_image_sources(images);
  Matrix matrix = compute_unlocked(model, kCompute, sources);
  std::vector<size_t> shape{static_cast<size_t>(matrix.rows), static_cast<size_t>(matrix.columns)};
  if (sources.single) shape.erase(shape.begin());
  return to_numpy<float>(std::move(matrix.values), shape);
}

nb::object classify(Model& model, nb::handle images, int64_t top) {
  if (top < 1) throw UsageError("`top`", concat("is ", top, ", expected at least 1"));
  const ImageSources sources = to_image_sources(images);
  const Matrix logits = compute_unlocked(model, &Model::logits, sources);
  const Matrix probabilities = to_probabilities(logits, model.card().loss);
  nb::list predictions;
  for (int64_t i = 0; i < logits.rows; ++i) {
    nb::list classes;
    for (const int64_t label : best_classes(logits.row(i), std::min(top, logits.columns))) {
      const auto place = static_cast<size_t>(label);
      classes.append(Prediction::Class{label, model.card().class_names[place], probabilities.row(i)[place]});
    }
    predictions.append(classes);
  }
  if (sources.single) return predictions[0];
  return predictions;
}

}  // namespace

void bind_model(nb::module_& module) {
  using Class = Prediction::Class;
  nb::class_<Class>(module, "Class", "One class of an image, as Model.classify() gives it.")
      .def_ro("label", &Class::label, "Its number, from 0.")
      .def_ro("name", &Class::name)
      .def_ro("probability", &Class::probability, "In [0, 1].")
      .def("__repr__", [](const Class& self) {
        return nb::str("Class(label={}, name={!r}, probability={:.4f})")
            .format(self.label, self.name, self.probability);
      });
  nb::class_<Model>(module, "Model",
                    "A network ready to compute, with its classes and its preprocessing: open_model(). "
                    "Any number of threads may use one; the interpreter's lock is free meanwhile.")
      .def_prop_ro("arch", [](const Model& self) { return self.card().arch; })
      .def_prop_ro("class_names", [](const Model& self) { return self.card().class_names; })
      .def_prop_ro("num_classes", [](const Model& self) { return self.card().classes(); })
      .def_prop_ro("preprocessing", [](const Model& self) { return self.card().preprocessing; })
      .def_prop_ro(
          "loss", [](const Model& self) { return kLossTypes.name(self.card().loss); },
          "How logits become probabilities: 'softmax', 'sigmoid', 'cosine' or 'arcface'.")
      .def_prop_ro(
          "precision", [](const Model& self) { return precision_name(self.engine().precision()); },
          "In use: 'f32', 'bf16' or 'int8'; 'f32' where the processor lacks the one asked for.")
      .def_prop_ro("description", [](const Model& self) { return self.engine().description(); })
      .def_prop_ro("embedding_size", &Model::embedding_size, nb::call_guard<nb::gil_scoped_release>(),
                   "Values of an embedding. The first use compiles the part of the network that gives them.")
      .def("classify", &classify, "images"_a.none(), "top"_a = 5,
           nb::sig("def classify(self, images: assemble._types.Images, top: int = 5) -> typing.Any"),
           "The most probable classes, best first: a list of Class for an image, a list of such lists for several.\n\n"
           "images: an image (array of uint8, path or bytes), an array [N, height, width, 3] or a list.")
      .def("logits", &outputs_of<&Model::logits>, "images"_a.none(),
           nb::sig("def logits(self, images: assemble._types.Images) -> numpy.typing.NDArray[numpy.float32]"),
           "The network's outputs, [classes] for an image and [N, classes] for several.")
      .def("embeddings", &outputs_of<&Model::embeddings>, "images"_a.none(),
           nb::sig("def embeddings(self, images: assemble._types.Images) -> numpy.typing.NDArray[numpy.float32]"),
           "What the classifier reads before any activation, [values] for an image and [N, values] for several.")
      .def("__repr__", [](const Model& self) {
        return concat("<assemble.Model ", self.card().arch, ", ", self.card().classes(), " classes, ",
                      self.engine().description(), ">");
      });
  module.def("open_model", &open_model, "path"_a, nb::kw_only(), "batch_size"_a = 1, "threads"_a = 0,
             "precision"_a = "f32", "cache"_a = nb::none(), nb::call_guard<nb::gil_scoped_release>(),
             nb::sig("def open_model(path: str | os.PathLike[str], *, batch_size: int = 1, threads: int = 0, "
                     "precision: str = 'f32', cache: str | os.PathLike[str] | None = None) -> Model"),
             "Opens a model file (.safetensors) or an .onnx file.\n\n"
             "batch_size: images that are computed at once, 8 or more for many images.\n"
             "threads: 0 for every core.\n"
             "precision: 'f32' or 'bf16'; an .onnx file with 8-bit weights computes in int8.\n"
             "cache: folder of compiled models, so that opening is fast; None: none.");
}

}  // namespace assemble::python
