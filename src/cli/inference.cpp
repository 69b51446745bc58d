// SPDX-License-Identifier: Apache-2.0
#include "inference.h"

#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "numbers.h"

namespace assemble::cli {

void InferenceOptions::declare(CLI::App& app) {
  app.add_option("--engine", engine, "auto (openvino on the CPU), openvino or torch")
      ->check(CLI::IsMember({"auto", "openvino", "torch"}));
  app.add_option("--device", device, "Of the torch engine: auto, cpu, cuda or cuda:N");
  app.add_option("--precision", precision, "f32 or bf16; .onnx files with 8-bit weights run in int8")
      ->check(CLI::IsMember({"f32", "bf16", "int8"}));
  app.add_option(
         "--hint", hint,
         "How openvino uses the threads: throughput (a batch is shared between streams), latency (one stream on "
         "all threads) or auto (throughput from 4 images at once)")
      ->check(CLI::IsMember({"auto", "throughput", "latency"}));
  app.add_option("--threads", threads, "Threads of the network on the CPU; 0: every core")->transform(thread_count());
  app.add_option("--cache", cache, "Folder of compiled models (openvino); empty: compile anew");
}

EngineKind InferenceOptions::kind() const {
  return engine != "auto" ? parse_engine(engine) : default_engine(parse_device(device));
}

EngineOptions InferenceOptions::engine_options(int64_t batch) const {
  const EngineKind chosen = kind();
  return {.kind = chosen,
          .precision = parse_engine_precision(precision),
          .batch = batch,
          .threads = threads,
          .hint = parse_engine_hint(hint),
          .device = chosen == EngineKind::kTorch ? parse_device(device) : torch::Device(torch::kCPU),
          .cache = cache};
}

LoadedModel load_for_inference(const InferenceOptions& options, int64_t batch, int64_t image_size) {
  keep_freed_memory();
  EngineOptions engine_options = options.engine_options(batch);
  engine_options.image_size = image_size;
  DeployedModel deployed = open_engine(options.model, engine_options);
  const std::shared_ptr<Engine> engine = std::move(deployed.engine);
  log_info(engine->description());
  return {deployed.card, [engine](const torch::Tensor& images) { return engine->run(images); }, engine->description()};
}

}  // namespace assemble::cli
