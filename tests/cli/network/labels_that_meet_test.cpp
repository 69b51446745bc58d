// SPDX-License-Identifier: Apache-2.0
// A network of 1,001 outputs without names on the same images as records, folders and a corrupted set.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../../image/sample_images.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/data/shards.h"
#include "assemble/image/encode.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tfrecord.h"
#include "engines.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kClasses = 1000, kMore = 200;

class LabelsThatMeet : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!test::has_openvino()) return;
    folder_ = new test::TemporaryFolder;
    test::SmallNetwork network({.classes = kClasses + 1, .deviation = 64});
    ModelCard card = network.card();
    for (size_t c = 0; c < card.class_names.size(); ++c) card.class_names[c] = std::to_string(c);
    card.preprocessing.eval_resize = card.preprocessing.eval_size;  // as images of a corrupted set are seen
    network.save(path("model.safetensors"), card);
    write_images();
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }

  /// An image of every class, and more of which every second is of the class that the network takes it for.
  static void write_images() {
    fs::create_directories(path("loose"));
    std::vector<Bytes> images;
    for (int64_t i = 0; i < kClasses + kMore; ++i) {
      images.push_back(encode_jpeg(test::wavy_image(32, 32, static_cast<uint64_t>(i)), 90));
      if (i >= kClasses) test::write_bytes(*folder_ / "loose" / std::to_string(i), images.back());
    }
    for (const auto& entry : fs::directory_iterator(path("loose"))) {
      fs::rename(entry.path(), fs::path(entry.path()).concat(".jpg"));
    }
    const json predicted = json::parse(
        run_command({"predict", "--model", path("model.safetensors"), path("loose"), "--top", "1", "--json"})
            .standard_output);
    const std::vector<std::string> synsets = imagenet_synsets();
    fs::create_directories(path("records"));
    TfRecordWriter writer(fs::path(path("records")) / shard_name("validation", 0, 1));
    for (int64_t i = 0; i < kClasses + kMore; ++i) {
      int64_t label = i % kClasses + 1;
      if (i >= kClasses && i % 2 == 0) {
        const int64_t output =
            predicted.at("predictions").at(static_cast<size_t>(i - kClasses)).at("classes").at(0).at("label");
        if (output > 0) label = output;
      }
      const std::string& synset = synsets[static_cast<size_t>(label - 1)];
      const Bytes& image = images[static_cast<size_t>(i)];
      for (const std::string& folder : {"val/" + synset, "c/fog/1/" + synset}) {
        fs::create_directories(path(folder));
        test::write_bytes(fs::path(path(folder)) / (std::to_string(i) + ".jpg"), image);
      }
      writer.write(serialise_example({{"image/encoded", std::vector<std::string>{{image.begin(), image.end()}}},
                                      {"image/class/label", std::vector<int64_t>{label}},
                                      {"image/class/synset", std::vector<std::string>{synset}}}));
    }
    writer.commit();
    fs::create_directories(path("part"));
    for (const size_t c : {3u, 500u, 998u}) fs::copy(path("val/" + synsets[c]), path("part/" + synsets[c]));
  }

  static CommandResult eval(const std::string& data, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"eval", "--model", path("model.safetensors"), "--data", path(data), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }
  static json parse(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* LabelsThatMeet::folder_ = nullptr;

TEST_F(LabelsThatMeet, RecordsFoldersAndACorruptedSetGiveTheSameTopOne) {
  const json records = parse(eval("records")), folders = parse(eval("val"));
  const double top1 = records.at("top1");
  EXPECT_GT(top1, 0.05);
  EXPECT_EQ(records.at("images"), kClasses + kMore);
  EXPECT_EQ(folders.at("top1"), top1);
  EXPECT_EQ(folders.at("top5"), records.at("top5"));
  EXPECT_NEAR(folders.at("loss").get<double>(), records.at("loss").get<double>(), 1e-9)
      << "the background competes in both";
  EXPECT_EQ(folders.at("class_pairing").at("by"), "ImageNet's synsets");
  EXPECT_EQ(folders.at("class_pairing").at("measured_outputs"), kClasses + 1);
  const json corrupted = parse(run_command({"robustness", "c", "--model", path("model.safetensors"), "--data",
                                            path("c"), "--corruptions", "fog", "--severities", "1", "--json"}));
  const json& part = corrupted.at("measured").at("corruptions").at("fog").at("1");
  EXPECT_EQ(part.at("images"), kClasses + kMore);
  EXPECT_DOUBLE_EQ(1 - part.at("error").get<double>(), top1);
  std::cout << "top-1 of records, folders and corrupted set: " << top1 << "\n";
}

TEST_F(LabelsThatMeet, OfAPartOfTheClassesOnlyTheirLogitsCompete) {
  const json part = parse(eval("part"));
  EXPECT_EQ(part.at("class_pairing").at("measured_outputs"), 3);
  EXPECT_EQ(part.at("confusion").size(), 3u);
  EXPECT_EQ(part.at("top5"), 1.0) << "of three classes all are among the best five";
  const CommandResult text =
      run_command({"eval", "--model", path("model.safetensors"), "--data", path("part"), "--quiet"});
  EXPECT_THAT(text.standard_output, HasSubstr("only the logits of the 3 classes that are there compete"));
}

TEST_F(LabelsThatMeet, OfASampleAllOutputsCompete) {
  const json sample = parse(eval("part", {"--all-outputs"}));
  EXPECT_EQ(sample.at("class_pairing").at("measured_outputs"), kClasses + 1);
  EXPECT_LE(sample.at("top5").get<double>(), parse(eval("part")).at("top5").get<double>());
  EXPECT_EQ(eval("part", {"--all-outputs", "--retrieval"}).exit_code, 2);
  fs::create_directories(path("part-c/fog"));
  fs::copy(path("part"), path("part-c/fog/1"), fs::copy_options::recursive);
  std::vector<std::string> measure{"robustness",    "c",
                                   "--model",       path("model.safetensors"),
                                   "--data",        path("part-c"),
                                   "--corruptions", "fog",
                                   "--severities",  "1",
                                   "--json",        "--out",
                                   path("part-out")};
  const CommandResult part = run_command(measure);
  EXPECT_EQ(parse(part).at("class_pairing").at("measured_outputs"), 3);
  measure.push_back("--all-outputs");
  EXPECT_EQ(run_command(measure).exit_code, 2) << "the folder holds what was measured over three outputs";
  measure.at(measure.size() - 2) = path("sample-out");
  const json fog = parse(run_command(measure));
  EXPECT_EQ(fog.at("class_pairing").at("measured_outputs"), kClasses + 1);
  EXPECT_DOUBLE_EQ(1 - fog.at("measured").at("corruptions").at("fog").at("1").at("error").get<double>(),
                   sample.at("top1").get<double>());
}

TEST_F(LabelsThatMeet, AWrongPairingIsAnErrorAndAnOffsetOrMapSaysTheRightOne) {
  write_file(path("map.csv"), std::string_view("rose,4\ntulip,501\n"));
  for (const auto& [name, c] : {std::pair("rose", 3), std::pair("tulip", 500)}) {
    fs::create_directories(path("named"));
    fs::copy(path("val/" + imagenet_synsets()[static_cast<size_t>(c)]), path(concat("named/", name)),
             fs::copy_options::recursive);
  }
  const CommandResult wrong = eval("named");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.standard_error, AllOf(HasSubstr("2 classes 'rose', 'tulip'"), HasSubstr("1001 classes '0', '1'"),
                                          HasSubstr("--label-offset"), HasSubstr("--class-map")));
  EXPECT_EQ(parse(eval("named", {"--class-map", path("map.csv")})).at("class_pairing").at("measured_outputs"), 2);
  const json offset = parse(eval("val", {"--label-offset", "1"}));
  EXPECT_EQ(offset.at("top1"), parse(eval("val")).at("top1"));
  EXPECT_EQ(parse(eval("records", {"--label-offset", "0"})).at("top1"), offset.at("top1"));
  EXPECT_EQ(eval("val", {"--label-offset", "2"}).exit_code, 3);
  const CommandResult both = eval("val", {"--label-offset", "1", "--class-map", "imagenet"});
  EXPECT_EQ(both.exit_code, 2);
}

TEST_F(LabelsThatMeet, PredictNamesOutputsByAMap) {
  const json result = parse(run_command(
      {"predict", "--model", path("model.safetensors"), path("loose/1000.jpg"), "--class-map", "imagenet", "--json"}));
  for (const json& c : result.at("predictions").at(0).at("classes")) {
    const int64_t label = c.at("label");
    EXPECT_EQ(c.at("class"), label == 0 ? "background" : imagenet_synsets()[static_cast<size_t>(label - 1)]);
  }
}

TEST_F(LabelsThatMeet, TeachStoresLogitsInTheOrderOfTheData) {
  const CommandResult taught = run_command({"teach", "--model", path("model.safetensors"), "--data", path("part"),
                                            "--split", "validation", "--out", path("taught"), "--json"});
  EXPECT_EQ(parse(taught).at("class_pairing").at("measured_outputs"), 3);
  EXPECT_EQ(parse(taught).at("validation").at("teacher_top1"), parse(eval("part")).at("top1"));
}

}  // namespace
}  // namespace assemble
