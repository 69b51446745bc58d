// SPDX-License-Identifier: Apache-2.0
// Foreign weights through the commands alone: convert, forward, and what goes wrong there.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/convert/weight_export.h"
#include "assemble/models/model_file.h"
#include "assemble/models/tensor_file.h"
#include "drawn_data.h"
#include "golden.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;

fs::path stored(const std::string& name) { return test::stored_golden("torch/" + name); }

/// A small network as a checkpoint of the original.
class ConvertCommand : public testing::Test {
 protected:
  ConvertCommand() {
    const Classifier model = make_classifier(Arch::parse("resnet50+bl+sk+aa3+w4"), {.classes = 3}, 4);
    export_weights(checkpoint_, *model, ExportTarget::kTensorFlow, {.global_step = 9});
  }

  std::string model() const { return (folder_ / "model.safetensors").string(); }

  test::CommandResult convert(const std::string& in, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"convert", in, model()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }

  /// The error of a conversion that must fail with this exit status and leave nothing behind.
  std::string failure(const std::string& in, std::vector<std::string> more, int status) const {
    const test::CommandResult result = convert(in, std::move(more));
    EXPECT_EQ(result.exit_code, status) << result.standard_output;
    EXPECT_FALSE(fs::exists(model()));
    return result.standard_error;
  }

  void change(const std::string& ending, size_t place) const {
    const fs::path path = checkpoint_.string() + ending;
    Bytes bytes = read_file(path);
    bytes.at(place) ^= 4;
    test::write_bytes(path, bytes);
  }

  test::TemporaryFolder folder_;
  const fs::path checkpoint_ = folder_ / "model.ckpt-9";
};

TEST_F(ConvertCommand, GivesAModelFileWithItsCard) {
  test::write_bytes(folder_ / "names.txt", std::vector<uint8_t>{'a', '\n', 'b', '\n', 'c', '\n'});
  const auto result = convert(folder_.path().string(),
                              {"--arch", "resnet50+bl+sk+aa3+w4", "--class-names", (folder_ / "names.txt").string(),
                               "--preprocessing", "imagenet_224_256", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json report = json::parse(result.standard_output);
  EXPECT_EQ(report.at("arch"), "resnet50+bl+sk+aa3+w4");
  EXPECT_EQ(report.at("missing"), json::array());
  ModelCard card;
  load_model(model(), &card);
  EXPECT_EQ(card.class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(card.preprocessing, Preprocessing::from_type("imagenet_224_256"));
  EXPECT_EQ(card.training.at("global_step"), "9");
}

TEST_F(ConvertCommand, AModelFileTakesAnotherPreprocessingAndKeepsItsMean) {
  ASSERT_EQ(convert(checkpoint_.string(), {"--mean", "1", "2", "3"}).exit_code, 0);
  const std::string other = (folder_ / "other.safetensors").string();
  ASSERT_EQ(run_command({"convert", model(), other, "--preprocessing", "torchvision_192_200"}).exit_code, 0);
  ModelCard card;
  load_model(other, &card);
  Preprocessing expected = Preprocessing::from_type("torchvision_192_200");
  expected.mean = {1, 2, 3};
  expected.deviation = {1, 1, 1};
  EXPECT_EQ(card.preprocessing, expected);
}

TEST_F(ConvertCommand, SaysWhatItAssumed) {
  const auto result = convert(checkpoint_.string());
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(result.standard_output, AllOf(HasSubstr("resnet50+bl+sk+w4, 3 classes"), HasSubstr("global step 9")));
  EXPECT_THAT(result.standard_error, HasSubstr("assumed: no anti-aliasing filter"));
}

TEST_F(ConvertCommand, TorchWeightsForwardToTimmsLogits) {
  ASSERT_EQ(convert(stored("timm_seresnet50d_w4.pth").string()).exit_code, 0);
  const std::string out = (folder_ / "out.safetensors").string();
  const auto result =
      run_command({"forward", "--model", model(), "--input", stored("timm_seresnet50d_w4_io.safetensors").string(),
                   "--output", out, "--batch-size", "1", "--endpoints", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(json::parse(result.standard_output).at("tensors").at("end/resnet_model/block_layer4"),
            (json{2, 2, 2, 128}));
  const torch::Tensor expected = read_tensor(SafetensorsFile(stored("timm_seresnet50d_w4_io.safetensors")), "logits");
  const torch::Tensor logits = read_tensor(SafetensorsFile(out), "logits");
  EXPECT_LE(((logits - expected).abs().max() / expected.abs().max()).item<double>(), 1e-5);
}

TEST_F(ConvertCommand, TorchWeightsArePreprocessedAsTorchvisionDoes) {
  const std::string weights = stored("timm_seresnet50d_w4.pth").string();
  const auto result = convert(weights);
  EXPECT_THAT(result.standard_error,
              HasSubstr("assumed: preprocessing as torchvision's, short side to 256, crop of 224"));
  ModelCard card;
  load_model(model(), &card);
  EXPECT_EQ(card.preprocessing, Preprocessing::from_type("torchvision"));
  ASSERT_EQ(convert(weights, {"--preprocessing", "imagenet_288"}).exit_code, 0);
  load_model(model(), &card);
  EXPECT_EQ(card.preprocessing, Preprocessing::from_type("torchvision_288"));
  ASSERT_EQ(convert(weights, {"--preprocessing", "torchvision_224_232_bicubic"}).exit_code, 0);
  load_model(model(), &card);
  EXPECT_EQ(card.preprocessing, Preprocessing::from_type("torchvision_224_232_bicubic"));
}

TEST_F(ConvertCommand, ForeignFilesInAModelsPlaceAreNamed) {
  const auto error = [&](const std::string& file) {
    const auto result = run_command({"predict", "--model", file, (test::drawn_data() / "validation").string()});
    EXPECT_EQ(result.exit_code, 3);
    return result.standard_error;
  };
  EXPECT_THAT(error(stored("checkpoint.pth").string()),
              AllOf(HasSubstr("is a PyTorch file, expected a safetensors file"), HasSubstr("assemble convert")));
  const std::string pointer = (folder_ / "model.safetensors").string();
  test::write_bytes(pointer, read_file(fs::path(ASSEMBLE_SOURCE_DIR) / "tests/fuzz_seeds/file_kind/lfs"));
  EXPECT_THAT(error(pointer), HasSubstr("is a Git LFS pointer"));
}

TEST_F(ConvertCommand, GoldenCheckpointForwardsToTheOriginalsNumbers) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  const auto cases = test::golden_cases(golden / "models");
  ASSERT_FALSE(cases.empty());
  const fs::path folder = cases.front();
  const json options = test::read_case(folder);
  ASSERT_EQ(convert(folder.string(),
                    {"--arch", options.at("arch"), "--image-size", std::to_string(options.at("image_size").get<int>())})
                .exit_code,
            0);
  const std::string out = (folder_ / "out.safetensors").string();
  const auto forward = run_command(
      {"forward", "--model", model(), "--input", (folder / "io.safetensors").string(), "--output", out, "--endpoints"});
  ASSERT_EQ(forward.exit_code, 0) << forward.standard_error;
  const SafetensorsFile expected(folder / "io.safetensors"), actual(out);
  for (const auto& [name, entry] : expected.tensors()) {
    if (name == "input_nhwc") continue;
    const torch::Tensor wanted = read_tensor(expected, name);
    const double difference = (read_tensor(actual, name) - wanted).abs().max().item<double>();
    EXPECT_LE(difference, 1e-4 * wanted.abs().max().item<double>()) << name;
  }
}

TEST_F(ConvertCommand, DamagedAndMissingFilesAreNamedWithTheirOffsets) {
  EXPECT_THAT(failure((folder_ / "model.ckpt-8").string(), {}, 3),
              AllOf(HasSubstr("model.ckpt-8.index: does not exist"), HasSubstr("did you mean 'model.ckpt-9'?")));
  change(".data-00000-of-00001", 1000);
  EXPECT_THAT(failure(checkpoint_.string(), {}, 3),
              AllOf(HasSubstr(".data-00000-of-00001 at offset "), HasSubstr("the checksum of its")));
  fs::resize_file(checkpoint_.string() + ".data-00000-of-00001", 100);
  EXPECT_THAT(failure(checkpoint_.string(), {}, 3), HasSubstr("but the file ends at 100"));
  fs::remove(checkpoint_.string() + ".data-00000-of-00001");
  EXPECT_THAT(failure(checkpoint_.string(), {}, 3), HasSubstr(".data-00000-of-00001: is missing"));
  change(".index", 40);
  EXPECT_THAT(failure(checkpoint_.string(), {}, 3), AllOf(HasSubstr(".index at offset "), HasSubstr("not an intact")));
  fs::resize_file(checkpoint_.string() + ".index", 60);
  EXPECT_THAT(failure(checkpoint_.string(), {}, 3), HasSubstr(".index at offset "));
}

TEST_F(ConvertCommand, WrongArchAndHostilePickleAreErrors) {
  EXPECT_THAT(failure(checkpoint_.string(), {"--arch", "resnet101+bl+sk+aa3+w4"}, 3),
              AllOf(HasSubstr("missing"), HasSubstr("they look like resnet50+bl+sk+w4")));
  EXPECT_THAT(failure(stored("code.pth").string(), {}, 3), HasSubstr("data.pkl' at offset "));
  EXPECT_THAT(failure(checkpoint_.string(), {"--to", "keras"}, 2), HasSubstr("--to"));
}

TEST_F(ConvertCommand, ForwardNamesTheInputItWants) {
  ASSERT_EQ(convert(checkpoint_.string()).exit_code, 0);
  const std::string input = (folder_ / "in.safetensors").string();
  write_tensors(input, {{"images", torch::zeros({1, 64, 64, 3})}}, {});
  const auto result = run_command({"forward", "--model", model(), "--input", input, "--output", input + ".out"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr("has no tensor 'input_nhwc'"));
  write_tensors(input, {{"input_nhwc", torch::zeros({1, 3, 64, 64})}}, {});
  EXPECT_THAT(run_command({"forward", "--model", model(), "--input", input, "--output", input + ".out"}).standard_error,
              HasSubstr("expected [N, height, width, 3]"));
}

}  // namespace
}  // namespace assemble
