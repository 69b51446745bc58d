// SPDX-License-Identifier: Apache-2.0
// Every network of the reference outputs: logits and endpoints of the original TensorFlow implementation.
#include <map>

#include "assemble/io/tf_checkpoint.h"
#include "assemble/convert/infer_arch.h"
#include "assemble/models/tensor_file.h"
#include "assemble/convert/weight_export.h"
#include "golden.h"

namespace assemble {
namespace {

constexpr double kTolerance = 1e-4;  // of the largest value

double relative_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

/// Every stored activation must be produced, and be near.
void compare(const std::string& name_of_case, const SafetensorsFile& stored, const Endpoints& endpoints) {
  std::map<std::string, torch::Tensor> produced;
  for (const auto& [name, activations] : endpoints) {
    produced["end/" + name] = activations.dim() == 4 ? activations.permute({0, 2, 3, 1}) : activations;
  }
  produced["logits"] = endpoints.back().second;
  double largest = 0;
  for (const auto& [name, entry] : stored.tensors()) {
    if (name == "input_nhwc") continue;
    ASSERT_TRUE(produced.count(name)) << name;
    const torch::Tensor expected = read_tensor(stored, name);
    ASSERT_EQ(produced.at(name).sizes(), expected.sizes()) << name;
    const double difference = relative_difference(produced.at(name), expected);
    EXPECT_LE(difference, kTolerance) << name;
    if (name == "logits") test::log_parity("model", name_of_case, "logits", difference, kTolerance);
    largest = std::max(largest, difference);
  }
  test::log_parity("model", name_of_case, "worst endpoint", largest, kTolerance);
}

void check_numbers(const fs::path& folder) {
  SCOPED_TRACE(folder.filename().string());
  const Classifier model = test::import_case(test::read_case(folder), folder);
  const torch::NoGradGuard no_grad;
  const SafetensorsFile stored(folder / "io.safetensors");
  Endpoints endpoints;
  model->forward(read_tensor(stored, "input_nhwc").permute({0, 3, 1, 2}), endpoints);
  compare(folder.filename().string(), stored, endpoints);
}

TEST(GoldenModels, LogitsAndEndpointsAreThoseOfTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  const auto cases = test::golden_cases(golden / "models");
  for (const fs::path& folder : cases) check_numbers(folder);
  EXPECT_FALSE(cases.empty());
}

/// What the weights show of a network.
Arch visible(Arch arch) {
  arch.blur_size = 0;
  arch.blur_conv = arch.blur_projection = arch.blur_max = false;
  arch.no_downsample = false;
  if (arch.pool == PoolType::kGeM) arch.pool = PoolType::kAverage;
  return arch;
}

TEST(GoldenModels, TheArchIsToldFromTheVariables) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  for (const fs::path& folder : test::golden_cases(golden / "models")) {
    const Arch arch = Arch::parse(test::read_case(folder).at("arch").get<std::string>());
    const auto source = open_weights(folder);
    EXPECT_EQ(infer_tf_arch(source->shapes(), source->where()).arch.str(), visible(arch).str()) << folder;
  }
}

void check_round_trip(const fs::path& folder) {
  SCOPED_TRACE(folder.filename().string());
  const test::TemporaryFolder temporary;
  ImportOptions options;
  options.arch = Arch::parse(test::read_case(folder).at("arch").get<std::string>());
  const auto source = open_weights(folder);
  const ImportedModel imported = import_weights(*source, options);
  export_weights(temporary / "model.ckpt-7", *imported.model, ExportTarget::kTensorFlow,
                 {.global_step = imported.report.global_step.value_or(0)});
  const TfCheckpoint before(folder), after(temporary.path());
  ASSERT_EQ(after.tensors().size(), before.tensors().size());
  for (const auto& [name, entry] : before.tensors()) {
    EXPECT_EQ(after.entry(name).shape, entry.shape) << name;
    EXPECT_EQ(after.entry(name).type, entry.type) << name;
    EXPECT_EQ(after.entry(name).offset, entry.offset) << name;
  }
  const std::string data = "model.ckpt-7.data-00000-of-00001";
  EXPECT_TRUE(read_file(temporary / data) == read_file(before.prefix().string() + ".data-00000-of-00001"));
}

TEST(GoldenModels, AreWrittenBackByteForByte) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  for (const fs::path& folder : test::golden_cases(golden / "models")) check_round_trip(folder);
}

}  // namespace
}  // namespace assemble
