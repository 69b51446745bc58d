// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/package.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "packaged_model.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::error_of;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A packed model; the network is some bytes.
class Package : public testing::Test {
 protected:
  void write(const PackagedModel& model) {
    fs::create_directories((folder_ / model.place().string()).parent_path());
    write_file(folder_ / model.place().string(), std::string_view("network"));
    write_package(folder_.path(), model);
  }
  std::string text(const std::string& name) const { return test::read_text(folder_ / name); }

  test::TemporaryFolder folder_;
};

TEST_F(Package, HoldsWhatBothServersWantInOneLayout) {
  write(test::packaged_model());
  const json config = json::parse(text("config.json"));
  const json& of_model = config.at("model_config_list").at(0).at("config");
  EXPECT_EQ(of_model.at("name"), "flowers");
  const fs::path base = folder_ / of_model.at("base_path").get<std::string>();
  EXPECT_TRUE(fs::is_regular_file(base / "3" / "model.onnx"));
  const std::string triton = test::read_text(base / "config.pbtxt");
  EXPECT_THAT(triton, AllOf(HasSubstr("name: \"flowers\""), HasSubstr("default_model_filename: \"model.onnx\""),
                            HasSubstr("name: \"images\"\n  data_type: TYPE_FP32\n  dims: [ 3, 32, 32 ]"),
                            HasSubstr("name: \"logits\"\n  data_type: TYPE_FP32\n  dims: [ 3 ]"),
                            HasSubstr("label_filename: \"labels.txt\""), Not(HasSubstr("embedding"))));
  EXPECT_EQ(test::read_text(base / "labels.txt"), "rose\ntulip\ndaisy\n");
  EXPECT_THAT(text("examples/CMakeLists.txt"), HasSubstr("add_executable(classify classify.c)"));
  EXPECT_EQ(text("examples/classify.c"), test::read_text(fs::path(ASSEMBLE_SOURCE_DIR) / "examples/classify.c"));
  EXPECT_EQ(text("examples/predict.cpp"), test::read_text(fs::path(ASSEMBLE_SOURCE_DIR) / "examples/predict.cpp"));
}

TEST_F(Package, SumsAreOfEveryOtherFile) {
  write(test::packaged_model());
  std::map<std::string, std::string> sums;
  for (const std::string& line : split(text("SHA256SUMS"), '\n')) {
    if (!line.empty()) sums[line.substr(66)] = line.substr(0, 64);
  }
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    const std::string name = entry.path().lexically_relative(folder_.path()).string();
    if (!entry.is_regular_file() || name == "SHA256SUMS") continue;
    ++files;
    EXPECT_EQ(sums[name], sha256(entry.path())) << name;
  }
  EXPECT_EQ(files, 8u);
  EXPECT_EQ(sums.size(), files);
}

TEST_F(Package, BytesAndEmbeddingsHaveTheirShapes) {
  PackagedModel model = test::packaged_model();
  model.pixels = true;
  model.embedding = 64;
  write(model);
  EXPECT_THAT(text("models/flowers/config.pbtxt"),
              AllOf(HasSubstr("data_type: TYPE_UINT8\n  dims: [ 32, 32, 3 ]"),
                    HasSubstr("name: \"embedding\"\n  data_type: TYPE_FP32\n  dims: [ 64 ]")));
}

TEST_F(Package, LabelsOfAnyScriptAndWithSeparatorsAreALineEach) {
  PackagedModel model = test::packaged_model();
  model.card.class_names = {"バラ", "a, \"b\"\tc", "two\nlines", "", "pipe | `tick`"};
  write(model);
  EXPECT_EQ(text("models/flowers/labels.txt"), "バラ\na, \"b\"\\x09c\ntwo\\x0Alines\n\npipe | `tick`\n");
  EXPECT_THAT(text("README.md"), AllOf(HasSubstr("バラ, a, \"b\"\\\\x09c, two\\\\x0Alines, , pipe \\| \\`tick\\`")));
}

TEST_F(Package, OfTenThousandClassesIsStillAPage) {
  PackagedModel model = test::packaged_model();
  model.card.class_names.clear();
  for (int c = 0; c < 10000; ++c) model.card.class_names.push_back(concat("class ", c));
  write(model);
  const std::vector<std::string> labels = split(text("models/flowers/labels.txt"), '\n');
  ASSERT_EQ(labels.size(), 10001u);
  EXPECT_EQ(labels[9999], "class 9999");
  const std::string card = text("README.md");
  EXPECT_LT(card.size(), 8000u);
  EXPECT_THAT(card, AllOf(HasSubstr("10,000 classes"), HasSubstr("class 19, …"), Not(HasSubstr("class 20"))));
}

TEST(PackageName, IsOneThatServersTake) {
  EXPECT_EQ(package_name("runs/flowers-2/"), "flowers-2");
  EXPECT_EQ(package_name("ship/my flowers"), "my_flowers");
  EXPECT_EQ(package_name("__x.y"), "x.y");
  EXPECT_EQ(package_name("."), "model");
  EXPECT_EQ(package_name("花"), "model");
  EXPECT_NO_THROW(require_package_name(package_name(std::string(300, 'a'))));
  for (const std::string& name : {std::string(), std::string(".."), std::string("a/b"), std::string("a b"),
                                  std::string("é"), std::string("a\nb"), std::string(129, 'a')}) {
    EXPECT_THAT(error_of<UsageError>([&] { require_package_name(name); }), HasSubstr("no name that servers take"));
  }
}

TEST(PackagedFigures, AreThoseOfEvalOrAnError) {
  const auto good = [] {
    return nlohmann::ordered_json{
        {"images", 24},    {"top1", 0.75},
        {"top5", 1.0},     {"balanced_accuracy", 0.7},
        {"macro_f1", 0.6}, {"ece", 0.05},
        {"loss", 0.8},     {"class_accuracy", {{"rose", 1.0}, {"tulip", nullptr}, {"daisy", 0.5}}}};
  };
  const PackagedFigures figures = PackagedFigures::from_json(good(), "f.json");
  EXPECT_EQ(figures.images, 24);
  EXPECT_EQ(figures.top1, 0.75);
  EXPECT_EQ(figures.class_accuracy.size(), 2u);
  const auto refused = [&](const std::function<void(nlohmann::ordered_json&)>& change) {
    nlohmann::ordered_json json = good();
    change(json);
    return error_of<InputError>([&] { PackagedFigures::from_json(json, "f.json"); });
  };
  EXPECT_THAT(refused([](auto& json) { json.erase("ece"); }),
              AllOf(StartsWith("f.json"), HasSubstr("no number 'ece'")));
  EXPECT_THAT(refused([](auto& json) { json["top1"] = 75; }), HasSubstr("'top1' is 75, expected 0 to 1"));
  EXPECT_THAT(refused([](auto& json) { json["top1"] = "0.75"; }), HasSubstr("no number 'top1'"));
  EXPECT_THAT(refused([](auto& json) { json["images"] = 1e300; }), HasSubstr("'images'"));
  EXPECT_THAT(refused([](auto& json) { json["loss"] = nullptr; }), HasSubstr("'loss'"));
  EXPECT_THAT(refused([](auto& json) { json.erase("class_accuracy"); }), HasSubstr("class_accuracy"));
  EXPECT_THAT(refused([](auto& json) { json = nlohmann::ordered_json::array(); }), HasSubstr("eval --json"));
}

}  // namespace
}  // namespace assemble
