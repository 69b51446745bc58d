// SPDX-License-Identifier: Apache-2.0
// Options and loading shared by the commands that run a finished network.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "assemble/deploy/engine.h"
#include "assemble/eval/network.h"

namespace assemble::cli {

struct InferenceOptions {
  std::string model;
  std::optional<EngineKind> engine = {};  ///< nothing: openvino on the CPU where this build has it, else torch
  std::string device = "auto";
  Precision precision = Precision::kF32;
  EngineHint hint = EngineHint::kAuto;
  int threads = 0;
  std::optional<ExifRule> exif = {};  ///< nothing: the model's own
  std::string cache = default_engine_cache().string();
  ForeignModelOptions foreign = {};

  /// Declares all but --model.
  void declare(CLI::App& app);
  /// The engine that is used.
  EngineKind kind() const;
  EngineOptions engine_options(int64_t batch) const;
};

/// A preprocessing for crops of another side, which take the same share of the image. @param side pixels; 0: as it is
Preprocessing at_size(Preprocessing preprocessing, int side);

/// A network ready to compute.
struct LoadedModel {
  ModelCard card;
  Network network;
  std::string description;  ///< engine, precision, threads
};

/// @param batch images that are computed at once
/// @param image_size side of the input, pixels; 0: the model's own
LoadedModel load_for_inference(const InferenceOptions& options, int64_t batch, int64_t image_size = 0);
/// The same for the network that gives embeddings.
LoadedModel load_embedder(const InferenceOptions& options, int64_t batch, int64_t image_size = 0);

/// Says how many images of a loader that has run were left out.
void warn_of_broken(const Loader& loader);

}  // namespace assemble::cli
