// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "assemble/models/model_file.h"
#include "test_support.h"

namespace assemble {
namespace {

TEST(PreprocessCommand, TakesTheModelsOwnPreprocessing) {
  const test::TemporaryFolder folder;
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 2});
  ModelCard card;
  card.arch = model->arch().str();
  card.class_names = {"ash", "beech"};
  card.preprocessing = Preprocessing::from_type("reid_48");
  const std::string path = (folder / "model.safetensors").string();
  const std::string out = (folder / "out.safetensors").string();
  save_model(path, *model, card);
  const test::CommandResult result =
      test::run_command({"preprocess", "--model", path, test::stored_golden("jpeg/synth1.jpg").string(), "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const SafetensorsFile file(out);
  EXPECT_EQ(Preprocessing::from_json(file.metadata().at("preprocessing"), "out"), card.preprocessing);
  EXPECT_EQ(file.entry("synth1.jpg").shape, (std::vector<int64_t>{48, 48, 3}));
}

}  // namespace
}  // namespace assemble
