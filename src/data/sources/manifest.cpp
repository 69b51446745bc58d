// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/manifest.h"

#include <nlohmann/json.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/io/tfrecord.h"

namespace assemble {
namespace {

constexpr uint64_t kMaxManifestBytes = uint64_t{1} << 28;
constexpr size_t kChunk = size_t{1} << 20;

nlohmann::ordered_json to_json(const SplitManifest& split) {
  nlohmann::ordered_json shards = nlohmann::ordered_json::array();
  for (const ShardSummary& shard : split.shards) {
    shards.push_back(
        {{"file", shard.file}, {"images", shard.images}, {"bytes", shard.bytes}, {"crc32c", shard.crc32c}});
  }
  return {{"images", split.images}, {"skipped", split.skipped}, {"shards", shards}};
}

SplitManifest split_from(const nlohmann::json& json) {
  SplitManifest split;
  json.at("images").get_to(split.images);
  json.at("skipped").get_to(split.skipped);
  for (const auto& shard : json.at("shards")) {
    split.shards.push_back({shard.at("file"), shard.at("images"), shard.at("bytes"), shard.at("crc32c")});
  }
  return split;
}

}  // namespace

std::string Manifest::to_json() const {
  nlohmann::ordered_json json{{"name", name}, {"seed", seed}, {"classes", class_names.size()}};
  if (training_classes > 0) json["training_classes"] = training_classes;
  if (!fingerprint.empty()) json["fingerprint"] = fingerprint;
  json["train"] = assemble::to_json(train);
  json["validation"] = assemble::to_json(validation);
  json["class_names"] = class_names;
  return json_text(json, 1) + "\n";
}

Manifest Manifest::from_json(const std::string& text, const std::string& where) {
  Manifest manifest;
  try {
    const auto json = nlohmann::json::parse(text);
    json.at("name").get_to(manifest.name);
    json.at("seed").get_to(manifest.seed);
    json.at("class_names").get_to(manifest.class_names);
    manifest.train = split_from(json.at("train"));
    manifest.validation = split_from(json.at("validation"));
    manifest.training_classes = json.value("training_classes", int64_t{0});
    manifest.fingerprint = json.value("fingerprint", std::string());
  } catch (const nlohmann::json::exception& error) {
    throw InputError(where, std::string("is not a manifest: ") + json_problem(error), "build the data set again");
  }
  const auto classes = static_cast<int64_t>(manifest.class_names.size());
  if (manifest.training_classes >= 0 && manifest.training_classes <= classes) return manifest;
  throw InputError(where, concat("has ", manifest.training_classes, " training_classes of ", classes, " classes"),
                   "build the data set again");
}

std::optional<Manifest> read_manifest(const fs::path& directory) {
  const fs::path file = directory / Manifest::kFile;
  if (!fs::exists(file)) return std::nullopt;
  return Manifest::from_json(decode_text(read_file(file, kMaxManifestBytes), file.string()), file.string());
}

ShardSummary summarise_shard(const fs::path& shard) {
  ShardSummary summary;
  summary.file = shard.filename().string();
  summary.images = static_cast<int64_t>(TfRecordReader(shard).index().size());
  const RandomAccessFile file(shard);
  summary.bytes = file.size();
  Bytes chunk(kChunk);
  for (uint64_t offset = 0; offset < file.size(); offset += kChunk) {
    const auto part = std::span(chunk).first(std::min<uint64_t>(kChunk, file.size() - offset));
    file.read(offset, part);
    summary.crc32c = assemble::crc32c(part, summary.crc32c);
  }
  return summary;
}

std::vector<std::string> verify_manifest(const fs::path& directory, const Manifest& manifest) {
  std::vector<std::string> differences;
  for (const SplitManifest* split : {&manifest.train, &manifest.validation}) {
    for (const ShardSummary& expected : split->shards) {
      const fs::path path = directory / expected.file;
      try {
        const ShardSummary found = summarise_shard(path);
        if (found.bytes != expected.bytes || found.images != expected.images) {
          differences.push_back(concat(path.string(), ": ", found.images, " images in ", found.bytes,
                                       " bytes, expected ", expected.images, " in ", expected.bytes));
        } else if (found.crc32c != expected.crc32c) {
          differences.push_back(path.string() + ": the checksum does not match");
        }
      } catch (const InputError& error) {
        differences.emplace_back(error.what());
      }
    }
  }
  return differences;
}

}  // namespace assemble
