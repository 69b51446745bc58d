// SPDX-License-Identifier: Apache-2.0
// The road from ImageNet as it is published and a checkpoint of 1,001 outputs to figures: the same on records, folders
// and a tree of ImageNet-C, with no file made by hand.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../../data/imagenet_sets.h"
#include "assemble/convert/weight_export.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::run_command;

constexpr int kClasses = 1000, kMore = 100, kImages = kClasses + kMore;

class ImageNetRoad : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static json run(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const test::CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.exit_code == 0 ? json::parse(result.standard_output) : json{};
  }

  /// Weights under TensorFlow's names, as the original publishes them.
  void write_checkpoint() const {
    const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 1001}, 1);
    const torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : model->named_state()) {
      if (name.starts_with("dense")) tensor.normal_(0, 4);  // so that images differ
    }
    export_weights(folder_ / "checkpoint/model.ckpt-1", *model, ExportTarget::kTensorFlow, {.global_step = 1});
  }

  /// What the network takes each validation image for: an output of 0 … 1000.
  std::vector<int64_t> answers() const {
    make_directories(folder_ / "loose");
    for (int number = 1; number <= kImages; ++number) {
      test::write_bytes(folder_ / "loose" / test::validation_name(number), test::drawn_jpeg(100000 + number));
    }
    const json predicted = run({"predict", "--model", path("model.safetensors"), path("loose"), "--top", "1"});
    std::vector<int64_t> outputs;
    for (const json& image : predicted.at("predictions")) {
      outputs.push_back(image.at("classes").at(0).at("label"));
    }
    return outputs;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ImageNetRoad, ArchivesFoldersAndACorruptedTreeGiveTheSameTop1) {
  write_checkpoint();
  run({"convert", path("checkpoint"), path("model.safetensors"), "--preprocessing", "torchvision_32_32"});

  // An image of every class, and more of which every second is of the class that the network takes it for.
  std::string truth;
  std::vector<int> classes;
  int right = 0;
  const std::vector<int64_t> outputs = answers();
  ASSERT_EQ(outputs.size(), static_cast<size_t>(kImages));
  for (int i = 0; i < kImages; ++i) {
    const auto taken_for = static_cast<int>(outputs[static_cast<size_t>(i)]) - 1;
    classes.push_back(i >= kClasses && i % 2 == 0 && taken_for >= 0 ? taken_for : i % kClasses);
    right += classes.back() == taken_for;
    truth += concat(test::devkit_id(classes.back()), '\n');
  }
  ASSERT_GT(right, kMore / 3);
  test::write_train_archive(folder_ / "raw");
  test::write_validation_archive(folder_ / "raw", kImages);
  test::write_devkit(folder_ / "raw", truth);
  run({"dataset", "build", "imagenet", "--raw", path("raw"), "--out", path("records")});

  for (int i = 0; i < kImages; ++i) {
    const auto& of_image = imagenet_classes()[static_cast<size_t>(classes[static_cast<size_t>(i)])];
    for (const char* tree : {"folders/val", "c/fog/1"}) {
      const fs::path folder = folder_ / tree / synset_text(of_image.number);
      make_directories(folder);
      test::write_bytes(folder / test::validation_name(i + 1), test::drawn_jpeg(100000 + i + 1));
    }
  }
  const std::string model = path("model.safetensors");
  const json records = run({"eval", "--model", model, "--data", path("records")});
  const json folders = run({"eval", "--model", model, "--data", path("folders")});
  const json corrupted =
      run({"robustness", "c", "--model", model, "--data", path("c"), "--corruptions", "fog", "--severities", "1"});
  const double top1 = static_cast<double>(right) / kImages;
  EXPECT_DOUBLE_EQ(records.at("top1"), top1);
  EXPECT_DOUBLE_EQ(folders.at("top1"), top1);
  EXPECT_DOUBLE_EQ(corrupted.at("measured").at("corruptions").at("fog").at("1").at("error"), 1 - top1);
  for (const json& result : {records, folders, corrupted}) {
    EXPECT_EQ(result.at("class_pairing").at("measured_outputs"), 1001);
  }
  EXPECT_NEAR(records.at("ece").get<double>(), folders.at("ece").get<double>(), 1e-9);
}

}  // namespace
}  // namespace assemble
