// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/deploy/model_file.h"

namespace assemble {

/// @file
/// A model as a folder to hand over:
///
///     README.md                    model card
///     SHA256SUMS                   of all other files, for `sha256sum -c`
///     config.json                  for OpenVINO Model Server
///     models/NAME/config.pbtxt     for Triton
///     models/NAME/labels.txt       the classes by output, a line each
///     models/NAME/VERSION/model.onnx
///     examples/                    in C and in C++, with a CMakeLists.txt
///
/// `models` is the model repository of either server.

/// The most images that the servers put into one request.
inline constexpr int64_t kServedBatch = 32;

/// What an evaluation found, as `eval --json` writes it.
struct PackagedFigures {
  int64_t images = 0;
  double top1 = 0, top5 = 0, balanced_accuracy = 0, macro_f1 = 0, ece = 0, loss = 0;
  std::vector<std::pair<std::string, double>> class_accuracy;  ///< of classes that have images

  /// @param where the file, for errors
  /// @throws InputError naming what is missing or no such figure
  static PackagedFigures from_json(const nlohmann::ordered_json& json, const std::string& where);
};

struct PackagedModel {
  std::string name;  ///< by which servers know it: see require_package_name()
  int64_t version = 1;
  ModelCard card;      ///< of the model file
  std::string source;  ///< name of the model file
  std::string hash;    ///< sha256() of it
  int64_t parameters = 0;
  int64_t multiply_adds = 0;
  Precision precision = Precision::kF32;
  bool pixels = false;    ///< the graph takes bytes, and the mean is subtracted in it
  int64_t embedding = 0;  ///< values of the output "embedding"; 0: there is none
  std::optional<PackagedFigures> figures = {};
  std::string measured_on = {};                    ///< the data set, or the file with the figures
  std::optional<double> f32_top1 = {};             ///< of the same images before quantisation, in [0, 1]
  std::optional<int64_t> calibration_images = {};  ///< that ranges of activations were measured on
  std::string data_licence = {};                   ///< in its giver's words; empty: not given

  /// Where the network lies in the folder.
  fs::path place() const;
};

/// Names that every file system, both servers and their URLs take: letters, digits, '_', '-' and '.', the first of them
/// a letter or digit, at most 128.
/// @throws UsageError for another
void require_package_name(const std::string& name);
/// A name like that, made of a folder's.
std::string package_name(const fs::path& folder);

/// Writes everything but the network, which is there already.
/// @param folder holds PackagedModel::place()
/// @throws as require_package_name(); RunError when a file cannot be written
void write_package(const fs::path& folder, const PackagedModel& model);

/// The page about the model, as Markdown. @param network_bytes, network_hash of the packed .onnx file: its bytes and
/// sha256()
std::string model_card(const PackagedModel& model, int64_t network_bytes, const std::string& network_hash);

}  // namespace assemble
