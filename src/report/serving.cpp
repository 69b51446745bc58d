// SPDX-License-Identifier: Apache-2.0
#include "serving.h"

#include "assemble/core/encoding.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/deploy/onnx_export.h"

namespace assemble::report {
namespace {

struct Tensor {
  std::string name, type;
  std::vector<int64_t> shape;
  std::string labels = {};
};

std::string triton_tensor(const char* field, const Tensor& tensor) {
  std::vector<std::string> dims;
  for (const int64_t dim : tensor.shape) dims.push_back(std::to_string(dim));
  return concat(field, " {\n  name: \"", tensor.name, "\"\n  data_type: TYPE_", tensor.type, "\n  dims: [ ",
                join(dims, ", "), " ]\n",
                tensor.labels.empty() ? "" : concat("  label_filename: \"", tensor.labels, "\"\n"), "}\n");
}

}  // namespace

std::vector<int64_t> input_shape(const PackagedModel& model) {
  const int64_t side = model.card.preprocessing.eval_size;
  return model.pixels ? std::vector<int64_t>{side, side, 3} : std::vector<int64_t>{3, side, side};
}

const char* input_type(const PackagedModel& model) { return model.pixels ? "UINT8" : "FP32"; }

std::string openvino_server_config(const PackagedModel& model) {
  const nlohmann::ordered_json config{{"name", model.name},
                                      {"base_path", concat("models/", model.name)},
                                      {"target_device", "CPU"},
                                      {"model_version_policy", {{"latest", {{"num_versions", 1}}}}}};
  return json_text(nlohmann::ordered_json{{"model_config_list", {{{"config", config}}}}}, 2) + "\n";
}

std::string triton_config(const PackagedModel& model) {
  std::string text = concat("name: \"", model.name,
                            "\"\n# Or \"openvino\", which is faster on Intel's processors.\nbackend: \"onnxruntime\"\n"
                            "default_model_filename: \"model.onnx\"\nmax_batch_size: ",
                            kServedBatch, "\n");
  text += triton_tensor("input", {kImagesInput, input_type(model), input_shape(model)});
  text += triton_tensor("output", {kLogitsOutput, "FP32", {model.card.classes()}, kLabelsFile});
  if (model.embedding > 0) text += triton_tensor("output", {kEmbeddingOutput, "FP32", {model.embedding}});
  return text + "version_policy { latest { num_versions: 1 } }\ndynamic_batching { }\n";
}

std::string labels(const PackagedModel& model) {
  std::string text;
  for (const std::string& name : model.card.class_names) text += one_line(name) + "\n";
  return text;
}

}  // namespace assemble::report
