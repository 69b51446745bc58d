// SPDX-License-Identifier: Apache-2.0
#include "common/path_options.h"

#include <map>

namespace assemble::cli {
namespace {

const std::map<std::string_view, PathOption>& known_path_options() {
  static const std::vector<std::string> models{"safetensors", "onnx", "xml"};
  static const std::map<std::string_view, PathOption> options{
      {"baseline", {PathKind::kFile, {"json", "safetensors", "onnx", "xml"}}},
      {"cache", {PathKind::kFolder}},
      {"calibration", {PathKind::kEither}},
      {"class-map", {PathKind::kFile}},
      {"class-names", {PathKind::kFile, {"txt"}}},
      {"clean", {PathKind::kEither}},
      {"compare", {PathKind::kFile, models}},
      {"config", {PathKind::kFile, {"toml"}}},
      {"data", {PathKind::kEither}},
      {"distractors", {PathKind::kEither}},
      {"explain", {PathKind::kFolder}},
      {"figures", {PathKind::kFile, {"json"}}},
      {"frost-dir", {PathKind::kFolder}},
      {"images", {PathKind::kEither}},
      {"in", {PathKind::kEither}},
      {"input", {PathKind::kFile, {"safetensors"}}},
      {"ladder", {PathKind::kFile, {"toml"}}},
      {"logits", {PathKind::kFile, {"csv", "safetensors"}}},
      {"model", {PathKind::kFile, models}},
      {"models", {PathKind::kFile, models}},
      {"out", {PathKind::kEither}},
      {"output", {PathKind::kFile, {"safetensors"}}},
      {"pretrained", {PathKind::kFile, {"safetensors", "pth", "index"}}},
      {"raw", {PathKind::kFolder}},
      {"recipe", {PathKind::kFile, {"toml"}}},
      {"recipes", {PathKind::kFile, {"toml"}}},
      {"report", {PathKind::kFile, {"html"}}},
      {"split-file", {PathKind::kFile, {"csv", "json", "jsonl"}}},
      {"list", {PathKind::kFile, {"csv"}}},
      {"results", {PathKind::kFile, {"json"}}},
      {"teacher", {PathKind::kFile, models}}};
  return options;
}

}  // namespace

PathOption path_option(std::string_view name) {
  const auto found = known_path_options().find(name);
  return found == known_path_options().end() ? PathOption() : found->second;
}

std::vector<std::string> path_option_names() {
  std::vector<std::string> names;
  for (const auto& [name, option] : known_path_options()) names.emplace_back(name);
  return names;
}

}  // namespace assemble::cli
