// SPDX-License-Identifier: Apache-2.0
// Weights under the names of other implementations: MobileNetV1, and the original's tf2.1 branch.
#include "assemble/convert/naming.h"

#include <gmock/gmock.h>

#include "assemble/convert/infer_arch.h"
#include "assemble/convert/weight_import.h"
#include "assemble/core/error.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/image/preprocess.h"
#include "golden.h"
#include "lively_network.h"

namespace assemble {
namespace {

using test::error_of;
using testing::HasSubstr;
using testing::IsEmpty;

struct Elsewhere {
  const char* arch;
  Naming naming;
};

/// The network's weights as others have them.
NamedTensors named_as(const ClassifierImpl& model, Naming naming) {
  const NamedTensors state = model.named_state();
  const std::map<std::string, torch::Tensor> ours(state.begin(), state.end());
  NamedTensors tensors;
  for (const TfVariable& variable : name_map(model.arch(), state, naming)) {
    tensors.emplace_back(variable.tf_name, to_tf(ours.at(variable.name).detach(), variable.layout).contiguous());
  }
  return tensors;
}

class NamingTest : public testing::TestWithParam<Elsewhere> {
 protected:
  test::TemporaryFolder folder_;
  const fs::path file_ = folder_ / "weights.safetensors";
};

TEST_P(NamingTest, ArchAndWeightsAreFoundByThem) {
  const Classifier model = lively_network(GetParam().arch, 7, 64);
  write_tensors(file_, named_as(*model, GetParam().naming), {});
  const auto source = open_weights(file_);
  EXPECT_EQ(find_naming(*source), GetParam().naming);
  const ImportedModel imported = import_weights(*source, {});
  EXPECT_EQ(imported.model->arch().str(), model->arch().str());
  EXPECT_THAT(imported.report.missing, IsEmpty());
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  EXPECT_TRUE(imported.model->forward(images).equal(model->forward(images)));
}

TEST_P(NamingTest, MissingAndUnexpectedNamesAreListed) {
  NamedTensors tensors = named_as(*lively_network(GetParam().arch, 7, 64), GetParam().naming);
  const std::string missing = tensors.at(3).first;
  tensors.at(3).first = "nonsense";
  write_tensors(file_, tensors, {});
  const auto source = open_weights(file_);
  const std::string message = error_of<InputError>([&] { import_weights(*source, {}); });
  EXPECT_THAT(message, HasSubstr(missing));
  EXPECT_THAT(message, HasSubstr("nonsense"));
}

TEST(Naming, AnotherBuildersNetworkIsSaidToComputeOtherNumbers) {
  const test::TemporaryFolder folder;
  write_tensors(folder / "weights.safetensors", named_as(*lively_network("mobilenet_v1+w8+slim", 7, 64), Naming::kSlim),
                {});
  const auto source = open_weights(folder / "weights.safetensors");
  EXPECT_THAT(import_weights(*source, {.arch = Arch::parse("mobilenet_v1+w8")}).report.notes,
              testing::Contains(HasSubstr("the file holds mobilenet_v1+w8+slim, which computes other numbers")));
  EXPECT_THAT(import_weights(*source, {.arch = Arch::parse("mobilenet_v1+w8+slim")}).report.notes, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Elsewhere, NamingTest,
    testing::Values(Elsewhere{"mobilenet_v1+w8+slim", Naming::kSlim}, Elsewhere{"mobilenet_v1+w4+slim", Naming::kKeras},
                    Elsewhere{"mobilenet_v1+w8+timm", Naming::kTimmMobileNet}, Elsewhere{"resnet50+w8", Naming::kTf2},
                    Elsewhere{"resnet101+d+se+w8+tf2", Naming::kTf2}, Elsewhere{"resnet50+bl+w8+tf2", Naming::kTf2},
                    Elsewhere{"resnet152+d+bl(1,2)+sk+w8+tf2", Naming::kTf2}));

TEST(Naming, NetworksThatOthersDoNotHaveAreErrors) {
  const auto refusal = [](const char* arch, Naming naming) {
    return error_of<UsageError>([&] { name_map(Arch::parse(arch), {}, naming); });
  };
  EXPECT_THAT(refusal("resnet50", Naming::kSlim), HasSubstr("TensorFlow-Slim's MobileNetV1"));
  EXPECT_THAT(refusal("mobilenet_v1", Naming::kTf2), HasSubstr("ResNets of the original's tf2.1 branch"));
}

double relative_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

/// The arch that the names show, with the filters that they do not.
TEST(GoldenTf2, LogitsAreThoseOfTheOriginalsTf2Branch) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  const auto cases = test::golden_cases(golden / "tf21");
  if (cases.empty()) GTEST_SKIP() << "no tf21";
  for (const fs::path& folder : cases) {
    SCOPED_TRACE(folder.filename().string());
    const auto source = open_weights(folder);
    const Arch told = Arch::parse(test::read_case(folder).at("arch").get<std::string>());
    Arch arch = infer_arch(*source).arch;
    arch.blur_size = told.blur_size;
    arch.blur_conv = told.blur_conv;
    const ImportedModel imported = import_weights(*source, {.arch = arch});
    const torch::NoGradGuard no_grad;
    const SafetensorsFile stored(folder / "io.safetensors");
    const torch::Tensor logits = imported.model->forward(read_tensor(stored, "input_nhwc").permute({0, 3, 1, 2}));
    const double difference = relative_difference(logits, read_tensor(stored, "logits"));
    EXPECT_LE(difference, 1e-5) << arch.str();
    test::log_parity("tf21", folder.filename().string(), "logits", difference, 1e-5);
  }
}

TEST(GoldenSlim, LogitsAreThoseOfTensorFlowSlim) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  const fs::path folder = golden / "slim/mobilenet_v1_1.0_224";
  if (!fs::exists(folder)) GTEST_SKIP() << "no slim";
  const ImportedModel imported = import_weights(*open_weights(folder / "model.ckpt"), {});
  EXPECT_EQ(imported.model->arch().str(), "mobilenet_v1+slim");
  const torch::NoGradGuard no_grad;
  const SafetensorsFile stored(folder / "io.safetensors");
  const torch::Tensor logits = imported.model->forward(read_tensor(stored, "input_nhwc").permute({0, 3, 1, 2}));
  const double difference = (logits - read_tensor(stored, "logits")).abs().max().item<double>();
  EXPECT_LE(difference, 1e-4);
  test::log_parity("slim", "mobilenet_v1_1.0_224", "logits", difference, 1e-4);
}

torch::Tensor prepared(const fs::path& path) {
  Preprocessing preprocessing = Preprocessing::from_type("torchvision");
  preprocessing.mean = preprocessing.deviation = {128, 128, 128};
  torch::Tensor image = torch::empty({1, 224, 224, 3});
  preprocess_eval(read_file(path), path.string(), preprocessing,
                  {image.data_ptr<float>(), static_cast<size_t>(image.numel())});
  return image.permute({0, 3, 1, 2});
}

TEST(GoldenSlim, ClassifiesThePhotos) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  ASSEMBLE_REQUIRE_PHOTOS(data);
  const fs::path folder = golden / "slim/mobilenet_v1_1.0_224";
  if (!fs::exists(folder) || !fs::exists(data / "photos")) GTEST_SKIP() << "no slim, or no photos";
  const ImportedModel imported = import_weights(*open_weights(folder / "model.ckpt"), {});
  const torch::NoGradGuard no_grad;
  int seen = 0, right = 0;
  for (const auto& entry : fs::directory_iterator(data / "photos")) {
    const std::optional<int> index = imagenet_index(synset_of(entry.path().filename().string()));
    if (!index) continue;
    const int64_t best = imported.model->forward(prepared(entry.path())).argmax(1).item<int64_t>();
    right += best == *index + 1 ? 1 : 0;  // class 0 is the background
    ++seen;
  }
  EXPECT_EQ(seen, 63);
  EXPECT_EQ(right, 60);
}

}  // namespace
}  // namespace assemble
