// SPDX-License-Identifier: Apache-2.0
#include "common/inference.h"

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/torch_backend.h"
#include "common/choice_option.h"
#include "common/foreign_options.h"
#include "common/handover.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

constexpr const char* kNvidiaDriver = "/proc/driver/nvidia/version";

LoadedModel load(const InferenceOptions& options, int64_t batch, int64_t image_size,
                 DeployedModel (*open)(const fs::path& path, const EngineOptions& options)) {
  keep_freed_memory();
  EngineOptions engine_options = options.engine_options(batch);
  engine_options.image_size = image_size;
  DeployedModel deployed = open(options.model, engine_options);
  if (options.foreign.given() && !deployed.card.training.contains(kForeignKey)) {
    log_warning(concat(options.model,
                       ": says itself how it is used; the options for networks of other programs do not "
                       "concern it"));
  }
  const std::string description = deployed.engine->description();
  log_info(description);
  if (options.exif) deployed.card.preprocessing.apply_exif_orientation = *options.exif == ExifRule::kTurn;
  return {deployed.card, make_network(std::move(deployed.engine)), description};
}

}  // namespace

void InferenceOptions::declare(CLI::App& app) {
  add_choice(app, "--engine", engine, "auto", kEngineKinds, "What computes the network; auto: openvino on the CPU");
  app.add_option("--device", device, "Of the torch engine; auto: cuda where it can be used")->check(device_name());
  add_choice(app, "--precision", precision, kPrecisions,
             "Of the computation; .onnx files with 8-bit weights run in int8, and no others");
  add_choice(app, "--hint", hint, kEngineHints,
             "How openvino uses the threads: throughput (a batch is shared between streams), latency (one stream on "
             "all threads) or auto (throughput from 4 images at once)");
  app.add_option("--threads", threads, "Threads of the network on the CPU; 0: every core")->transform(thread_count());
  add_choice(app, "--exif", exif, "model", kExifRules,
             "EXIF orientation of images: pixels turned by it, or as stored; model: as it was trained");
  app.add_option("--cache", cache, "Folder of compiled models (openvino); empty: compile anew");
  declare_foreign(app, foreign);
}

EngineKind InferenceOptions::kind() const {
  if (engine) return *engine;
  if (device == "auto" && !has_torch_backend() && fs::exists(kNvidiaDriver) &&
      !find_torch_program(own_program()).empty()) {
    throw NeedsTorch("the CUDA device");
  }
  return default_engine(device);
}

EngineOptions InferenceOptions::engine_options(int64_t batch) const {
  const EngineKind chosen = kind();
  return {.kind = chosen,
          .precision = precision,
          .batch = batch,
          .threads = threads,
          .hint = hint,
          .device = chosen == EngineKind::kTorch ? device : "cpu",
          .cache = cache,
          .foreign = foreign};
}

Preprocessing at_size(Preprocessing preprocessing, int side) {
  if (side == 0) return preprocessing;
  preprocessing.eval_resize = side * preprocessing.eval_resize / preprocessing.eval_size;
  preprocessing.eval_size = side;
  return preprocessing;
}

LoadedModel load_for_inference(const InferenceOptions& options, int64_t batch, int64_t image_size) {
  return load(options, batch, image_size, open_engine);
}

LoadedModel load_embedder(const InferenceOptions& options, int64_t batch, int64_t image_size) {
  return load(options, batch, image_size, open_embedder);
}

void warn_of_broken(const Loader& loader) {
  if (loader.broken() > 0) log_warning(concat(loader.broken(), " unreadable images were left out"));
}

}  // namespace assemble::cli
