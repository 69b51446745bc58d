// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/models/model_file.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

TEST(ModelCommand, InfoGivesParametersAndMultiplyAdds) {
  const auto result =
      test::run_command({"model", "info", "assemble_resnet50", "--classes", "1001", "--image-size", "224", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  EXPECT_EQ(json.at("arch"), "resnet50+bl+sk+aa3");
  EXPECT_EQ(json.at("parameters"), 41848489);
  EXPECT_NEAR(json.at("multiply_adds").get<double>(), 5.726e9, 1e6);
  EXPECT_EQ(json.at("image_size"), 224);
}

TEST(ModelCommand, InfoReadsModelFiles) {
  const test::TemporaryFolder folder;
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 3});
  ModelCard card;
  card.arch = model->arch().str();
  card.class_names = {"ash", "beech", "cedar"};
  card.preprocessing = Preprocessing::from_type("imagenet_96");
  save_model(folder / "model.safetensors", *model, card);
  const auto result = test::run_command({"model", "info", (folder / "model.safetensors").string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  EXPECT_EQ(json.at("arch"), "resnet50+w8");
  EXPECT_EQ(json.at("image_size"), 96);
  EXPECT_EQ(json.at("class_names"), nlohmann::json({"ash", "beech", "cedar"}));
  EXPECT_EQ(json.at("parameters"), model->parameter_count());
}

TEST(ModelCommand, ListNamesThePresets) {
  const auto result = test::run_command({"model", "list", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  ASSERT_EQ(json.size(), presets().size());
  EXPECT_EQ(json[0].at("name"), presets()[0].name);
  EXPECT_THAT(test::run_command({"model", "list"}).standard_output, HasSubstr("assemble_resnet152"));
}

TEST(ModelCommand, WrongArgumentsEndWithUsage) {
  const auto unknown = test::run_command({"model", "info", "resnet50+blx"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.standard_error, HasSubstr("did you mean 'bl'?"));
  const auto size = test::run_command({"model", "info", "resnet50+bl", "--image-size", "100"});
  EXPECT_EQ(size.exit_code, 2);
  EXPECT_THAT(size.standard_error, HasSubstr("96 or 128"));
  EXPECT_EQ(test::run_command({"model"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble
