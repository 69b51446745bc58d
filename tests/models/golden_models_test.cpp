// SPDX-License-Identifier: Apache-2.0
// Every network of the reference outputs: logits and endpoints of the original TensorFlow implementation.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/io/tf_checkpoint.h"
#include "assemble/models/classifier.h"
#include "assemble/models/tensor_file.h"
#include "assemble/models/tf_names.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr double kTolerance = 1e-4;  // of the largest value

torch::Tensor read_variable(const TfCheckpoint& checkpoint, const TfVariable& variable) {
  const std::vector<float> values = checkpoint.read_f32(variable.tf_name);
  const torch::Tensor tensor = torch::tensor(values).view(checkpoint.entry(variable.tf_name).shape);
  switch (variable.layout) {
    case TfLayout::kKernel:
      return tensor.permute({3, 2, 0, 1});
    case TfLayout::kDense:
      return tensor.t();
    case TfLayout::kSame:
      break;
  }
  return tensor;
}

/// Sets every weight of `model`, and checks that the checkpoint has no variable beyond them.
void load_variables(const fs::path& prefix, ClassifierImpl& model) {
  const torch::NoGradGuard no_grad;
  const TfCheckpoint checkpoint(prefix);
  const auto state = model.named_state();
  std::map<std::string, torch::Tensor> targets(state.begin(), state.end());
  std::set<std::string> unused;
  for (const auto& [name, entry] : checkpoint.tensors()) unused.insert(name);
  for (const TfVariable& variable : tf_variables(model.arch())) {
    const torch::Tensor value = read_variable(checkpoint, variable);
    torch::Tensor& target = targets.at(variable.name);
    ASSERT_EQ(target.sizes(), value.sizes()) << variable.name;
    target.detach().copy_(value);
    targets.erase(variable.name);
    unused.erase(variable.tf_name);
  }
  EXPECT_TRUE(targets.empty()) << targets.begin()->first;
  EXPECT_EQ(unused, (std::set<std::string>{"global_step"}));
}

double relative_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

/// Every stored activation must be produced, and be near.
void compare(const SafetensorsFile& stored, const Endpoints& endpoints) {
  std::map<std::string, torch::Tensor> produced;
  for (const auto& [name, activations] : endpoints) {
    produced["end/" + name] = activations.dim() == 4 ? activations.permute({0, 2, 3, 1}) : activations;
  }
  produced["logits"] = endpoints.back().second;
  for (const auto& [name, entry] : stored.tensors()) {
    if (name == "input_nhwc") continue;
    ASSERT_TRUE(produced.count(name)) << name;
    const torch::Tensor expected = read_tensor(stored, name);
    ASSERT_EQ(produced.at(name).sizes(), expected.sizes()) << name;
    EXPECT_LE(relative_difference(produced.at(name), expected), kTolerance) << name;
  }
}

void check_case(const fs::path& folder) {
  SCOPED_TRACE(folder.filename().string());
  const auto options = nlohmann::json::parse(std::ifstream(folder / "case.json"));
  const Arch arch = Arch::parse(options.at("arch").get<std::string>());
  const Classifier model = make_classifier(arch, {.classes = options.at("num_classes").get<int64_t>(),
                                                  .image_size = options.at("image_size").get<int64_t>()});
  load_variables(folder / "model.ckpt-7", *model);
  model->eval();
  const torch::NoGradGuard no_grad;
  const SafetensorsFile stored(folder / "io.safetensors");
  Endpoints endpoints;
  model->forward(read_tensor(stored, "input_nhwc").permute({0, 3, 1, 2}), endpoints);
  compare(stored, endpoints);
}

TEST(GoldenModels, LogitsAndEndpointsAreThoseOfTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(golden / "models")) {
    check_case(entry.path());
    ++cases;
  }
  EXPECT_GT(cases, 0);
}

}  // namespace
}  // namespace assemble
