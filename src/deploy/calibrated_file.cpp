// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/calibrated_file.h"

#include <cmath>
#include <cstring>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/deploy/model_file.h"
#include "assemble/io/safetensors.h"

namespace assemble {
namespace {


bool is_of_classifier(const std::string& tensor) { return tensor == "fc.weight" || tensor == "fc.bias"; }

Bytes divided(std::vector<float> values, double divisor) {
  for (float& value : values) value = static_cast<float>(value / divisor);
  Bytes bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

void require_calibratable(const fs::path& model) {
  const SafetensorsFile file(model);
  if (is_cosine(read_model_card(file).loss)) {
    throw UsageError(model.string(), "has a cosine softmax, whose logits have a scale of their own",
                     "train it with another `cosine_scale`");
  }
  (void)file.entry("fc.weight");
}

void write_calibrated(const fs::path& model, const fs::path& out, double temperature) {
  if (!(temperature > 0) || !std::isfinite(temperature)) {
    throw UsageError("temperature", concat(temperature, " is not above 0"));
  }
  require_calibratable(model);
  const SafetensorsFile file(model);
  ModelCard card = read_model_card(file);
  const auto before = card.training.find(kTemperature);
  const double earlier = before == card.training.end() ? 1 : parse_number(before->second).value_or(1);
  card.training[kTemperature] = concat(earlier * temperature);
  Metadata metadata = file.metadata();
  for (auto& [key, value] : to_metadata(card)) metadata[key] = value;
  std::vector<Bytes> contents;
  std::vector<TensorView> tensors;
  contents.reserve(file.tensors().size());
  for (const auto& [name, entry] : file.tensors()) {
    contents.push_back(is_of_classifier(name) ? divided(file.read_f32(name), temperature) : file.read(name));
    tensors.push_back({name, entry.type, entry.shape, contents.back()});
  }
  write_safetensors(out, tensors, metadata);
}

}  // namespace assemble
