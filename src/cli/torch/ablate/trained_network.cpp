// SPDX-License-Identifier: Apache-2.0
#include "torch/ablate/trained_network.h"

#include "assemble/core/error.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/models/model_file.h"
#include "common/config.h"

namespace assemble::cli {

MeasuredNetwork TrainedNetwork::measured() const {
  LoaderOptions loader;
  loader.batch_size = 64;
  loader.preprocessing = card.preprocessing;
  return {make_network(engine), outputs_of(card, model().string()), card.class_names, loader};
}

ConfiguredTraining::ConfiguredTraining(const std::vector<TomlEntry>& options, const std::string& file,
                                       const fs::path& data, const fs::path& run) {
  app.option_defaults()->always_capture_default();
  job.declare(app);
  // The last argument first: CLI11 reads them from the back.
  app.parse(std::vector<std::string>{run.string(), "--out", data.string(), "--data"});
  apply_entries(app, options, file);
}

TrainResult train_network(const std::vector<TomlEntry>& options, const std::string& file, const fs::path& data,
                          const fs::path& run, bool resume) {
  ConfiguredTraining training(options, file, data, run);
  training.job.resume = resume && fs::exists(run / "checkpoint.safetensors");
  TrainResult result = training.job.run(training.app, /*overwrite=*/!training.job.resume);
  if (result.interrupted) throw RunError(run.string(), "interrupted", "start it again: it goes on");
  return result;
}

void deploy(TrainedNetwork& network, const fs::path& onnx) {
  const Classifier model = load_model(network.model(), &network.card);
  const int side = network.card.preprocessing.eval_size;
  network.cost = measure_cost(model->arch(), network.card.classes(), side);
  const Graph graph = optimise(trace(*model, side));
  if (!onnx.empty()) write_file(onnx, serialise(to_onnx(graph, to_metadata(network.card, Precision::kF32))));
  network.engine = make_engine(graph, {.kind = default_engine("cpu"), .batch = kMeasuredBatch});
}

void measure_rates(const std::vector<TrainedNetwork*>& networks, double seconds) {
  std::vector<BenchmarkEntry> entries;
  entries.reserve(networks.size());
  for (const TrainedNetwork* network : networks) {
    entries.push_back({network->name, network->engine,
                       std::make_shared<const RandomImages>(kMeasuredBatch, network->card.preprocessing.eval_size),
                       network->cost.multiply_adds, 0});
  }
  const std::vector<BenchmarkResult> results = run_interleaved(entries, {.seconds = seconds, .warm_up = 3});
  for (size_t i = 0; i < networks.size(); ++i) networks[i]->inference_rate = results[i].images_per_second;
}

PerturbationResults measure_flips(const TrainedNetwork& network, const SequenceSource& source) {
  PerturbationResults results;
  for (const std::string& kind : source.options.kinds) {
    const auto sequences = make_sequences(*source.dataset, kind, source.options);
    results[kind] = measure_perturbation(network.measured(), kind, *sequences, source.limit);
  }
  return results;
}

}  // namespace assemble::cli
