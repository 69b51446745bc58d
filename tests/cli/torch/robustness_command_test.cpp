// SPDX-License-Identifier: Apache-2.0
// `assemble perturb` and `assemble robustness` on a network with random weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "assemble/data/dataset.h"
#include "assemble/data/draw.h"
#include "assemble/models/model_file.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

/// The same numbers but for the order in which they were added up.
void expect_near(const json& a, const json& b) {
  ASSERT_EQ(a.is_object(), b.is_object());
  if (!a.is_object()) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-6);
    return;
  }
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, value] : a.items()) expect_near(value, b.at(key));
}

class Robustness : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    for (const uint64_t seed : {1, 2}) {
      write_model(model_file(seed), open_dataset(test::drawn_data(), Split::kValidation)->class_names(), seed);
    }
  }
  static void write_model(const std::string& file, const std::vector<std::string>& class_names, uint64_t seed,
                          int resize = 0) {
    const Classifier model =
        make_classifier(Arch::parse("resnet50+w4"), {.classes = static_cast<int64_t>(class_names.size())}, seed);
    ModelCard card;
    card.arch = model->arch().str();
    card.class_names = class_names;
    card.preprocessing = Preprocessing::from_type("imagenet_32");
    if (resize > 0) card.preprocessing.eval_resize = resize;
    save_model(file, *model, card);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string model_file(uint64_t seed) {
    return (*folder_ / ("model" + std::to_string(seed) + ".safetensors")).string();
  }
  static std::string in(const std::string& name) { return (*folder_ / name).string(); }
  static std::string data() { return test::drawn_data().string(); }

  static CommandResult measure(const std::string& what, const std::string& from, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"robustness", what, "--model", model_file(1),
                                       "--data",     from, "--json",  "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }
  static void make_corrupted(const std::string& name, const std::string& crop = "32") {
    const CommandResult set = run_command({"corrupt", "--quiet", "--data", data(), "--out", in(name), "--corruptions",
                                           "fog,snow", "--severities", "1,2", "--resize", "36", "--crop", crop});
    ASSERT_EQ(set.exit_code, 0) << set.standard_error;
  }
  static json parse(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* Robustness::folder_ = nullptr;

TEST_F(Robustness, StoredAndMadeImagesGiveTheSameErrors) {
  const CommandResult made_set = run_command({"corrupt", "--quiet", "--data", data(), "--out", in("c"), "--corruptions",
                                              "fog,contrast", "--resize", "36", "--crop", "32"});
  ASSERT_EQ(made_set.exit_code, 0) << made_set.standard_error;
  const std::vector<std::string> corruptions{"--corruptions", "fog,contrast"};
  const json stored = parse(measure("c", in("c"), {"--clean", data(), "--corruptions", "fog,contrast"}));
  const json made = parse(measure("c", data(), corruptions));
  expect_near(stored["measured"], made["measured"]);
  EXPECT_EQ(stored["images"]["from"], "stored set");
  EXPECT_EQ(made["images"]["from"], "made while measuring");
  EXPECT_EQ(made["measured"]["corruptions"]["fog"].size(), 5u);
  EXPECT_TRUE(made["mce_15"].is_null());
  EXPECT_TRUE(made["partial"]);
  EXPECT_EQ(made["ce"].size(), 2u);
  EXPECT_EQ(made["input_size"], 32);
}

TEST_F(Robustness, NamesMissingFoldersAndMarksTheResultPartial) {
  run_command({"corrupt", "--quiet", "--data", data(), "--out", in("missing"), "--corruptions", "fog,snow",
               "--severities", "1,2,3,4,5", "--resize", "36", "--crop", "32"});
  fs::remove_all(*folder_ / "missing/snow/4");
  const json result = parse(measure("c", in("missing"), {"--corruptions", "fog,snow"}));
  EXPECT_TRUE(result["partial"]);
  EXPECT_EQ(result["missing"], json::array({"snow/4"}));
  EXPECT_TRUE(result["ce"].contains("fog"));
  EXPECT_FALSE(result["ce"].contains("snow"));
  EXPECT_TRUE(result["clean_error"].is_null());
  const CommandResult none = measure("c", in("missing"), {"--corruptions", "frost"});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.standard_error, HasSubstr("frost/1"));
}

TEST_F(Robustness, CBarIsASetOfItsOwn) {
  const std::vector<std::string> some{"--set", "c-bar", "--corruptions", "perlin_noise,sparkles"};
  std::vector<std::string> making{"corrupt", "--quiet",  "--data", data(),   "--out",
                                  in("bar"), "--resize", "36",     "--crop", "32"};
  making.insert(making.end(), some.begin(), some.end());
  ASSERT_EQ(run_command(making).exit_code, 0);
  const json stored = parse(measure("c", in("bar"), some)), made = parse(measure("c", data(), some));
  expect_near(stored["measured"]["corruptions"], made["measured"]["corruptions"]);
  EXPECT_EQ(made["set"], "c-bar");
  EXPECT_EQ(made["corruptions_measured"], 2);
  EXPECT_TRUE(made["ce"].empty()) << "AlexNet has no published errors";
  EXPECT_TRUE(made["c_bar_error"].is_null()) << "eight are missing";
  EXPECT_THAT(made["baseline"].get<std::string>(), HasSubstr("none"));
  std::vector<std::string> against = some;
  against.insert(against.end(), {"--baseline", model_file(1)});
  EXPECT_DOUBLE_EQ(parse(measure("c", data(), against))["ce"]["sparkles"].get<double>(), 100);
  const CommandResult other = measure("c", data(), {"--corruptions", "sparkles"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("sparkles is not of the set c"));
  EXPECT_THAT(other.standard_error, HasSubstr("--set c-bar"));
  EXPECT_THAT(measure("c", in("bar")).standard_error, HasSubstr("choose the set that it holds with --set"));
}

TEST_F(Robustness, WarnsOfAugmentationsThatDoWhatCorruptionsDo) {
  ModelCard card = read_model_card(fs::path(model_file(1)));
  card.training["augmentation"] = "color_jitter";
  const Classifier model =
      make_classifier(Arch::parse("resnet50+w4"), {.classes = static_cast<int64_t>(card.class_names.size())}, 1);
  save_model(in("jittered.safetensors"), *model, card);
  const auto run = [&](const std::string& corruption) {
    return run_command({"robustness", "c", "--model", in("jittered.safetensors"), "--data", data(), "--json",
                        "--corruptions", corruption, "--severities", "1"});
  };
  const CommandResult same = run("contrast,fog");
  EXPECT_THAT(same.standard_error, HasSubstr("trained with what some corruptions do: contrast (color_jitter);"));
  EXPECT_EQ(parse(same)["overlap"], (json{{"contrast", {"color_jitter"}}}));
  const CommandResult other = run("fog");
  EXPECT_THAT(other.standard_error, testing::Not(HasSubstr("trained with")));
  EXPECT_TRUE(parse(other)["overlap"].empty());
}

TEST_F(Robustness, ClassesNamedLikeCorruptionsAreCleanData) {
  const std::vector<std::string> classes{"fog", "rain", "snow"};
  write_model(in("weather.safetensors"), classes, 1);
  for (size_t i = 0; i < classes.size(); ++i) {
    fs::create_directories(*folder_ / "weather");
    fs::copy(test::drawn_data() / "validation" / drawn_classes()[i], *folder_ / "weather" / classes[i]);
  }
  const auto run = [&](const char* what, const char* option, const char* value, const char* as) {
    return run_command({"robustness", what, "--model", in("weather.safetensors"), "--data", in("weather"), option,
                        value, "--as", as, "--json"});
  };
  for (const auto& [what, option, value] :
       {std::tuple("c", "--corruptions", "contrast"), std::tuple("p", "--kinds", "brightness")}) {
    const CommandResult result = run(what, option, value, "auto");
    EXPECT_EQ(parse(result)["images"]["from"], "made while measuring");
    EXPECT_THAT(result.standard_error, HasSubstr("weather: taken as clean data"));
    EXPECT_EQ(run(what, option, value, "stored").exit_code, 3);
  }
  // A corruption's folder beside classes leaves it open.
  fs::create_directories(*folder_ / "weather/frost/1/fog");
  const CommandResult unclear = run("c", "--corruptions", "contrast", "auto");
  EXPECT_EQ(unclear.exit_code, 2);
  EXPECT_THAT(unclear.standard_error, HasSubstr("--as stored or --as clean"));
}

TEST_F(Robustness, StoredSetsLieInThePublishedArchivesToo) {
  make_corrupted("flat");
  fs::create_directories(*folder_ / "archives/weather");
  fs::copy(*folder_ / "flat/fog", *folder_ / "archives/weather/fog", fs::copy_options::recursive);
  fs::copy(*folder_ / "flat/snow", *folder_ / "archives/snow", fs::copy_options::recursive);
  const std::vector<std::string> parts{"--corruptions", "fog,snow", "--severities", "1,2"};
  const json flat = parse(measure("c", in("flat"), parts)), archives = parse(measure("c", in("archives"), parts));
  EXPECT_EQ(archives["images"]["from"], "stored set");
  expect_near(archives["measured"], flat["measured"]);
  const CommandResult other = measure("p", in("archives"), {"--kinds", "snow"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.standard_error, HasSubstr("robustness c"));
}

TEST_F(Robustness, SaysOverHowMuchItIs) {
  make_corrupted("small", "28");
  fs::remove(*fs::directory_iterator(fs::directory_iterator(*folder_ / "small/fog/2")->path()));
  const CommandResult result = measure("c", in("small"), {"--corruptions", "fog,snow", "--severities", "1,2"});
  const json parts = parse(result);
  EXPECT_EQ(parts["corruptions_measured"], 0);
  EXPECT_EQ(parts["parts_measured"], 4);
  EXPECT_TRUE(parts["mce_15"].is_null());
  EXPECT_EQ(parts["missing"], json::array({"fog/2: 23 of 24 images"}));
  EXPECT_EQ(parts["image_size"], 28);
  EXPECT_THAT(result.standard_error, HasSubstr("fog/2: 23 of 24 images"));
  EXPECT_THAT(result.standard_error, HasSubstr("have 28 pixels, the network takes 32"));
  const CommandResult text = run_command({"robustness", "c", "--model", model_file(1), "--data", in("small"), "--quiet",
                                          "--corruptions", "fog", "--severities", "1,2"});
  EXPECT_THAT(text.standard_output, HasSubstr("No mCE: 0 of 15 or 19 corruptions were measured at all five"));
}

TEST_F(Robustness, WhatWouldFailAfterTheWorkFailsBeforeIt) {
  const auto fails = [&](const char* what, std::vector<std::string> more, int code, const std::string& message) {
    const CommandResult result = measure(what, data(), std::move(more));
    EXPECT_EQ(result.exit_code, code);
    EXPECT_THAT(result.standard_error, HasSubstr(message));
    EXPECT_THAT(result.standard_error, testing::Not(HasSubstr("images/s")));
  };
  write_file(*folder_ / "list.json", std::string_view("[1]"));
  write_file(*folder_ / "empty.json", std::string_view("{}"));
  write_file(*folder_ / "text.json", std::string_view("no JSON"));
  for (const char* what : {"c", "p"}) {
    fails(what, {"--out", "/proc/run"}, 4, "/proc/run");
    fails(what, {"--out", data() + "/run"}, 2, "would mix");
    for (const char* baseline : {"list.json", "empty.json", "text.json"}) {
      fails(what, {"--baseline", in(baseline), "--out", in("unused")}, 3, baseline);
    }
  }
  EXPECT_FALSE(fs::exists(*folder_ / "unused"));
}

TEST_F(Robustness, GoesOnFromItsStateAndWritesAReport) {
  const json first = parse(measure("c", data(), {"--out", in("run"), "--corruptions", "fog"}));
  const json state = json::parse(test::read_text(*folder_ / "run/state.json"));
  EXPECT_EQ(state["results"]["corruptions"].size(), 1u);
  const json second = parse(measure("c", data(), {"--out", in("run"), "--corruptions", "fog,contrast"}));
  EXPECT_EQ(second["measured"]["corruptions"]["fog"], first["measured"]["corruptions"]["fog"]);
  EXPECT_EQ(json::parse(test::read_text(*folder_ / "run/result.json"))["ce"].size(), 2u);
  EXPECT_THAT(test::read_text(*folder_ / "run/report.html"), HasSubstr("<svg"));
  const CommandResult other = measure("c", data(), {"--out", in("run"), "--corruptions", "fog", "--seed", "7"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("holds a run with images"));
}

TEST_F(Robustness, GoesOnWithTheSameWeightsAlone) {
  const std::string model = in("changing.safetensors");
  const auto run = [&] {
    return run_command({"robustness", "c", "--model", model, "--data", data(), "--corruptions", "contrast", "--out",
                        in("changing"), "--json", "--quiet"});
  };
  const auto put = [&](uint64_t seed) {
    fs::copy_file(model_file(seed), model, fs::copy_options::overwrite_existing);
    fs::last_write_time(model, fs::file_time_type(std::chrono::hours(24)));
  };
  put(1);
  parse(run());
  put(2);  // as large and as old
  const CommandResult other = run();
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("holds a run with network"));
}

TEST_F(Robustness, ANetworkAgainstItselfIs100) {
  const std::vector<std::string> fog{"--corruptions", "fog", "--out", in("self")};
  parse(measure("c", data(), fog));
  for (const std::string& baseline : {in("self/result.json"), model_file(1)}) {
    const json result = parse(measure("c", data(), {"--corruptions", "fog", "--baseline", baseline}));
    EXPECT_DOUBLE_EQ(result["ce"]["fog"].get<double>(), 100);
  }
  const json flips =
      parse(measure("p", data(), {"--kinds", "translate,gaussian_noise_3", "--baseline", model_file(2)}));
  EXPECT_EQ(flips["measured"].size(), 2u);
}

TEST_F(Robustness, StoredSequencesGiveTheSameFlips) {
  const CommandResult set = run_command({"perturb", "--quiet", "--data", data(), "--out", in("p"), "--kinds",
                                         "translate,scale", "--format", "frames", "--resize", "36", "--crop", "32"});
  ASSERT_EQ(set.exit_code, 0) << set.standard_error;
  const json stored = parse(measure("p", in("p"), {"--kinds", "translate,scale,tilt"}));
  const json made = parse(measure("p", data(), {"--kinds", "translate,scale"}));
  expect_near(stored["measured"], made["measured"]);
  EXPECT_EQ(stored["missing"], json::array({"tilt"}));
  EXPECT_TRUE(stored["partial"]);
  EXPECT_TRUE(stored["mfr"].is_null());
  const json some = parse(measure("p", data(), {"--kinds", "scale", "--images", "5", "--out", in("flips")}));
  EXPECT_EQ(some["measured"]["scale"]["sequences"], 5);
  const CommandResult page = run_command({"robustness", "report", in("flips/result.json"), "--out", in("page.html")});
  EXPECT_EQ(page.exit_code, 0) << page.standard_error;
  EXPECT_THAT(test::read_text(*folder_ / "page.html"), HasSubstr("Flip probability"));
}

TEST_F(Robustness, ShiftConsistency) {
  const json result = parse(measure("shift", data()));
  EXPECT_EQ(result["largest_shift"], 4);  // imagenet_32 resizes to 36
  EXPECT_GE(result["shift_consistency"], 0);
  EXPECT_LE(result["shift_consistency"], 1);
  EXPECT_EQ(result["agreement"].size(), 4u);
  const CommandResult far = measure("shift", data(), {"--shifts", "9"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_THAT(far.standard_error, HasSubstr("no room for 9 pixels"));
}

TEST_F(Robustness, SeveralModelsGetTheFiguresThatEachGetsAlone) {
  const auto alone = [&](const std::string& what, uint64_t seed, std::vector<std::string> more) {
    std::vector<std::string> arguments{"robustness", what, "--model", model_file(seed), "--data", data(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse(run_command(arguments));
  };
  const auto together = [&](const std::string& what, std::vector<std::string> more) {
    std::vector<std::string> arguments{"robustness", what, model_file(1), model_file(2), "--data", data(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  };
  for (const auto& [what, more] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"c", {"--corruptions", "fog,contrast"}}, {"p", {"--kinds", "translate"}}, {"shift", {}}}) {
    std::vector<std::string> with_out = more;
    if (what != "shift") with_out.insert(with_out.end(), {"--out", in("several-" + what)});
    const json all = parse(together(what, with_out));
    ASSERT_EQ(all["models"].size(), 2u);
    EXPECT_FALSE(all.contains("mce_15"));
    for (const uint64_t seed : {1, 2}) {
      json one = all["models"][seed - 1], single = alone(what, seed, more);
      EXPECT_EQ(one["evaluated"]["precision"], "f32");
      EXPECT_EQ(one["evaluated"]["input_size"], 32);
      one.erase("evaluated");
      for (const char* key : {"date"}) one.erase(key), single.erase(key);
      EXPECT_EQ(one, single) << what << " " << seed;
      EXPECT_FALSE(single.contains("evaluated"));
    }
  }
  const json c = json::parse(test::read_text(*folder_ / "several-c/result.json"));
  ASSERT_EQ(c["against_first"].size(), 1u);
  const json& pair = c["against_first"][0];
  const auto mean_error = [&](int model) {
    double sum = 0;
    for (const auto& [corruption, severities] : c["models"][model]["measured"]["corruptions"].items()) {
      for (const auto& [severity, result] : severities.items()) sum += result["error"].get<double>();
    }
    return sum / 10;
  };
  EXPECT_NEAR(pair["error_difference"].get<double>(), mean_error(1) - mean_error(0), 1e-9);
  EXPECT_EQ(pair["images"], 24);
  EXPECT_LE(pair["low"], pair["error_difference"]);
  EXPECT_GE(pair["high"], pair["error_difference"]);
  EXPECT_THAT(test::read_text(*folder_ / "several-c/report.html"), HasSubstr("interpolation"));
  const CommandResult table = run_command({"robustness", "c", model_file(1), model_file(2), "--data", data(),
                                           "--corruptions", "fog,contrast", "--out", in("several-c")});
  EXPECT_THAT(table.standard_output, HasSubstr(model_file(2) + " (PARTIAL)")) << "two corruptions make no mCE";
  EXPECT_THAT(table.standard_output, HasSubstr("made 36→32"));
  const CommandResult page =
      run_command({"robustness", "report", in("several-c/result.json"), "--out", in("several.html")});
  EXPECT_EQ(page.exit_code, 0) << page.standard_error;
}

TEST_F(Robustness, SeveralModelsGoOnWhereEachStopped) {
  const auto measure_both = [&](const std::string& corruptions) {
    return run_command({"robustness", "c", model_file(1), model_file(2), "--data", data(), "--json", "--corruptions",
                        corruptions, "--out", in("stopped")});
  };
  const json first = parse(measure_both("fog"));
  // As a kill after the first model's second corruption leaves it.
  const json both = parse(measure_both("fog,contrast"));
  int left = 0;
  for (const auto& folder : fs::directory_iterator(*folder_ / "stopped/models")) {
    const fs::path file = folder.path() / "state.json";
    auto state = nlohmann::ordered_json::parse(test::read_text(file));  // settings keep their order
    if (left++ > 0) state["results"]["corruptions"].erase("contrast"), state["results"]["wrong"].erase("contrast");
    write_file(file, std::string_view(state.dump(1)));
  }
  EXPECT_EQ(left, 2);
  const CommandResult again = measure_both("fog,contrast");
  const json resumed = parse(again);
  for (const int model : {0, 1}) {
    expect_near(resumed["models"][model]["measured"]["corruptions"], both["models"][model]["measured"]["corruptions"]);
  }
  EXPECT_EQ(resumed["against_first"], both["against_first"]);
  EXPECT_THAT(again.standard_error, HasSubstr("contrast"));
}

TEST_F(Robustness, ABaselineIsMeasuredOnTheImagesOfEachNetwork) {
  // Of one crop and another short side.
  const std::string larger = in("larger.safetensors");
  write_model(larger, open_dataset(data(), Split::kValidation)->class_names(), 1, 40);
  for (const auto& [what, parts] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"c", {"--corruptions", "fog"}}, {"p", {"--kinds", "translate"}}}) {
    std::vector<std::string> arguments{"robustness", what,    model_file(1),          larger,
                                       "--data",     data(),  "--baseline",           model_file(2),
                                       "--json",     "--out", in("baselines-" + what)};
    arguments.insert(arguments.end(), parts.begin(), parts.end());
    const json all = parse(run_command(arguments));
    ASSERT_EQ(all["models"].size(), 2u) << what;
    const json alone = parse(measure(what, data(), {parts[0], parts[1], "--baseline", model_file(2)}));
    const char* figure = what == "c" ? "ce" : "flip_rates";
    EXPECT_EQ(all["models"][0][figure], alone[figure]) << what;
  }
}

TEST_F(Robustness, SequencesThatAreTurnedGoOnWithNoOthers) {
  const std::vector<std::string> once{"--kinds", "translate", "--out", in("turned")};
  parse(measure("p", data(), once));
  std::vector<std::string> turned = once;
  turned.insert(turned.end(), {"--exif", "turn"});
  const CommandResult other = measure("p", data(), turned);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("exif"));
}

TEST_F(Robustness, ModelsGivenByModelAreAveraged) {
  const auto run = [&](std::vector<std::string> more, const char* what = "c") {
    std::vector<std::string> arguments{"robustness", what, "--data", data(), "--json", "--model", model_file(1)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  };
  const json one = parse(run({"--corruptions", "fog"}));
  const json twice = parse(run({"--corruptions", "fog", "--model", model_file(1), "--out", in("averaged")}));
  EXPECT_THAT(test::read_text(*folder_ / "averaged/report.html"), HasSubstr("/model1.safetensors + "));
  expect_near(twice["measured"]["corruptions"], one["measured"]["corruptions"]);
  EXPECT_EQ(twice["averaged"]["models"].size(), 2u);
  EXPECT_FALSE(one.contains("averaged"));
  const json weighted =
      parse(run({"--corruptions", "fog", "--model", model_file(2), "--ensemble-weights", "1,1000000000"}));
  const json second = parse(
      run_command({"robustness", "c", "--model", model_file(2), "--data", data(), "--json", "--corruptions", "fog"}));
  for (const auto& [severity, result] : second["measured"]["corruptions"]["fog"].items()) {
    EXPECT_EQ(weighted["measured"]["corruptions"]["fog"][severity]["error"], result["error"]);
  }
  EXPECT_EQ(parse(run({"--corruptions", "fog", "--tta", "mirror"}))["averaged"]["views_per_image"], 2);
  EXPECT_EQ(parse(run({"--kinds", "scale", "--tta", "mirror", "--model", model_file(2)}, "p"))["measured"].size(), 1u);
  const CommandResult crops = run({"--kinds", "scale", "--tta", "five-crop"}, "p");
  EXPECT_EQ(crops.exit_code, 2);
  EXPECT_THAT(crops.standard_error, HasSubstr("frames are cut"));
  const CommandResult weights = run({"--corruptions", "fog", "--ensemble-weights", "1,2"});
  EXPECT_EQ(weights.exit_code, 2);
  EXPECT_THAT(weights.standard_error, HasSubstr("2 weights for 1 models"));
}

TEST_F(Robustness, RefusesModelsOfOtherClassesBeforeTheWork) {
  write_model(in("others.safetensors"), {"apple", "pear"}, 1);
  for (const auto& [what, option, value] :
       {std::tuple("c", "--corruptions", "fog"), std::tuple("p", "--kinds", "scale"),
        std::tuple("shift", "--shifts", "2")}) {
    const CommandResult result =
        run_command({"robustness", what, model_file(1), in("others.safetensors"), "--data", data(), option, value});
    EXPECT_EQ(result.exit_code, 3) << what;
    EXPECT_THAT(result.standard_error, HasSubstr("others.safetensors"));
    EXPECT_THAT(result.standard_error, testing::Not(HasSubstr("images/s")));
  }
  const CommandResult none = run_command({"robustness", "c", "--data", data()});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.standard_error, HasSubstr("needs a model"));
}

TEST_F(Robustness, NamesWhatIsWrong) {
  const CommandResult corruption = measure("c", data(), {"--corruptions", "fogg"});
  EXPECT_EQ(corruption.exit_code, 2);
  EXPECT_THAT(corruption.standard_error, HasSubstr("did you mean fog?"));
  const CommandResult severity = measure("c", data(), {"--severities", "6"});
  EXPECT_EQ(severity.exit_code, 2);
  EXPECT_THAT(severity.standard_error, HasSubstr("expected a whole number in 1 … 5"));
  const CommandResult kind = measure("p", data(), {"--kinds", "tillt"});
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_THAT(kind.standard_error, HasSubstr("did you mean tilt?"));
  const CommandResult baseline = measure("c", data(), {"--corruptions", "fog", "--baseline", in("none.json")});
  EXPECT_EQ(baseline.exit_code, 3);
  EXPECT_THAT(baseline.standard_error, HasSubstr("none.json"));
}

}  // namespace
}  // namespace assemble
