// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/corruption_robustness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using testing::HasSubstr;

/// A network whose error under each corruption is `factor` times the baseline's, at every severity.
CorruptionResults scaled(const CorruptionBaseline& baseline, double factor) {
  CorruptionResults results;
  results.clean = CorruptionResult{10, factor * baseline.clean_error.value(), 0.1};
  for (const auto& [name, error] : baseline.errors) {
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      results.corruptions[name][severity] = {10, factor * error, 0.02 * severity};
    }
  }
  return results;
}

TEST(CorruptionScores, AlexNetAgainstItselfIs100) {
  const CorruptionBaseline& alexnet = alexnet_corruption_baseline();
  const CorruptionScores scores = score_corruptions(scaled(alexnet, 1), alexnet);
  EXPECT_EQ(scores.ce.size(), 19u);
  for (const auto& [name, ce] : scores.ce) EXPECT_NEAR(ce, 100, 1e-9) << name;
  EXPECT_NEAR(scores.mce_15.value(), 100, 1e-9);
  EXPECT_NEAR(scores.mce_19.value(), 100, 1e-9);
  EXPECT_NEAR(scores.relative_15.value(), 100, 1e-9);
  EXPECT_NEAR(scores.relative_19.value(), 100, 1e-9);
  // The means of the published table: 11.8350 / 15 and 14.8433 / 19.
  EXPECT_NEAR(scores.unnormalised_15.value(), 100 * 11.8350 / 15, 1e-6);
  EXPECT_NEAR(scores.unnormalised_19.value(), 100 * 14.8433 / 19, 1e-6);
}

TEST(CorruptionScores, MatchAHandComputedExample) {
  const CorruptionBaseline baseline{"b", 0.2, {{"fog", 0.8}, {"snow", 0.5}}};
  CorruptionResults results;
  results.clean = CorruptionResult{100, 0.1, 0};
  for (int severity = 1; severity <= 5; ++severity) {
    results.corruptions["fog"][severity] = {100, 0.1 * severity, 0.01 * severity};  // mean 0.3
    results.corruptions["snow"][severity] = {100, 0.5, 0};
  }
  const CorruptionScores scores = score_corruptions(results, baseline);
  EXPECT_NEAR(scores.ce.at("fog"), 37.5, 1e-9);                 // 0.3 / 0.8
  EXPECT_NEAR(scores.ce.at("snow"), 100, 1e-9);                 // 0.5 / 0.5
  EXPECT_NEAR(scores.relative_ce.at("fog"), 100.0 / 3, 1e-9);   // 0.2 / 0.6
  EXPECT_NEAR(scores.relative_ce.at("snow"), 400.0 / 3, 1e-9);  // 0.4 / 0.3
  EXPECT_NEAR(results.mean_ece("fog").value(), 0.03, 1e-12);
  EXPECT_FALSE(scores.mce_15.has_value());  // 13 corruptions are missing
}

TEST(CorruptionScores, LeaveOutWhatIsPartial) {
  const CorruptionBaseline& alexnet = alexnet_corruption_baseline();
  CorruptionResults results = scaled(alexnet, 0.5);
  results.corruptions["saturate"].erase(3);
  CorruptionScores scores = score_corruptions(results, alexnet);
  EXPECT_NEAR(scores.mce_15.value(), 50, 1e-9);
  EXPECT_FALSE(scores.mce_19.has_value());
  EXPECT_FALSE(scores.ce.contains("saturate"));
  results.corruptions.erase("fog");
  scores = score_corruptions(results, alexnet);
  EXPECT_FALSE(scores.mce_15.has_value());
  EXPECT_FALSE(scores.unnormalised_15.has_value());
  results.clean.reset();
  EXPECT_TRUE(score_corruptions(results, alexnet).relative_ce.empty());
}

TEST(CorruptionScores, OfCBarAreMeanErrorsAndRatiosToOwnNetworks) {
  CorruptionResults results;
  CorruptionBaseline own{"own", std::nullopt, {}};
  double error = 0.05;
  for (const std::string& name : corruption_names(CorruptionSet::kCBar)) {
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      results.corruptions[name][severity] = {10, error, 0};
    }
    own.errors[name] = 0.5;
    error += 0.1;
  }
  const CorruptionScores published = score_corruptions(results, no_corruption_baseline());
  EXPECT_NEAR(published.unnormalised_c_bar.value(), 50, 1e-9);
  EXPECT_FALSE(published.mce_c_bar.has_value());
  EXPECT_FALSE(published.unnormalised_15.has_value());
  EXPECT_FALSE(score_corruptions(results, alexnet_corruption_baseline()).mce_c_bar.has_value());
  EXPECT_NEAR(score_corruptions(results, own).mce_c_bar.value(), 100, 1e-9);
  EXPECT_EQ(to_json(corruption_results_from_json(to_json(results), "here")), to_json(results));
  results.corruptions.erase("sparkles");
  EXPECT_FALSE(score_corruptions(results, own).unnormalised_c_bar.has_value());
}

TEST(CorruptionResults, OfPartsAddUpToThoseOfTheWhole) {
  // Ten predictions of confidence 0.95, of which six and nine are right; then twenty of 0.55, all right.
  const auto part = [](int64_t images, double confidence, int64_t correct) {
    CalibrationMeter calibration;
    for (int64_t i = 0; i < images; ++i) calibration.add(confidence, i < correct);
    const CorruptionResult result{images, 1 - static_cast<double>(correct) / static_cast<double>(images),
                                  calibration.error(), calibration.bins()};
    return CorruptionResults{.clean = result, .corruptions = {{"fog", {{3, result}}}}};
  };
  const std::vector<CorruptionResults> parts{part(10, 0.95, 6), part(10, 0.95, 9), part(20, 0.55, 20)};
  const CorruptionResults whole = merged(parts);
  EXPECT_EQ(whole.clean->images, 40);
  EXPECT_NEAR(whole.clean->error, 5.0 / 40, 1e-12);
  const CorruptionResult& fog = whole.corruptions.at("fog").at(3);
  EXPECT_NEAR(fog.error, 5.0 / 40, 1e-12);
  // |0.75 - 0.95| of twenty and |1 - 0.55| of twenty: the parts' own are 0.35, 0.05 and 0.45.
  EXPECT_NEAR(fog.ece, (0.2 + 0.45) / 2, 1e-12);
  EXPECT_THROW(merged(std::span<const CorruptionResults>()), UsageError);
  EXPECT_THROW(merged(std::vector<CorruptionResults>{parts[0], {}}), UsageError);
  EXPECT_THROW(merged(std::vector<CorruptionResults>{{.clean = CorruptionResult{10, 0.5, 0.1}, .corruptions = {}}}),
               UsageError);
}

TEST(CorruptionResults, SurviveJson) {
  const CorruptionResults results = scaled(alexnet_corruption_baseline(), 0.7);
  const CorruptionResults again = corruption_results_from_json(to_json(results), "here");
  EXPECT_EQ(to_json(again), to_json(results));
  EXPECT_NEAR(baseline_of(again, "x").errors.at("frost"), 0.7 * 0.8266, 1e-12);
  EXPECT_THAT(test::error_of<InputError>([] { corruption_results_from_json(nullptr, "there.json"); }),
              HasSubstr("there.json: holds no results of 'robustness c'"));
}

TEST(CorruptionScores, RefuseABaselineThatIsNoShare) {
  const CorruptionResults results = scaled(alexnet_corruption_baseline(), 0.5);
  for (const double wrong : {std::nan(""), -0.1, 1.1, std::numeric_limits<double>::infinity()}) {
    const CorruptionBaseline baseline{"other.json", std::nullopt, {{"fog", wrong}}};
    EXPECT_THAT(test::error_of<InputError>([&] { score_corruptions(results, baseline); }),
                HasSubstr("other.json: error of fog is"));
    const CorruptionBaseline clean{"other.json", wrong, {}};
    EXPECT_THROW(score_corruptions(results, clean), InputError);
  }
}

TEST(CorruptionResults, RefuseWhatWasNotMeasured) {
  auto json = to_json(scaled(alexnet_corruption_baseline(), 0.7));
  const auto with = [&](const char* severity, const char* key, const nlohmann::ordered_json& value) {
    auto changed = json;
    changed["corruptions"]["fog"][severity] = json["corruptions"]["fog"]["1"];
    changed["corruptions"]["fog"][severity][key] = value;
    return test::error_of<InputError>([&] { corruption_results_from_json(changed, "there.json"); });
  };
  EXPECT_THAT(with("1", "error", -0.5), HasSubstr("there.json: error of fog 1 is -0.5"));
  EXPECT_THAT(with("1", "error", nullptr), HasSubstr("there.json"));
  EXPECT_THAT(with("1", "error", "0.5"), HasSubstr("there.json"));
  EXPECT_THAT(with("1", "ece", 2), HasSubstr("ECE of fog 1 is 2"));
  EXPECT_THAT(with("1", "images", 0), HasSubstr("0 images"));
  EXPECT_THAT(with("1x", "images", 10), HasSubstr("'1x'"));
  EXPECT_THAT(with("6", "images", 10), HasSubstr("severity"));
}

TEST(CorruptionSource, NamesMissingFolders) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "fog/1");
  fs::create_directories(folder / "fog/2");
  fs::create_directories(folder / "weather/snow/2");
  CorruptionSource source;
  source.stored = folder.path();
  source.options.corruptions = {"fog", "snow"};
  source.options.severities = {2, 3};
  EXPECT_THAT(missing_parts(source), testing::ElementsAre("fog/3", "snow/3"));
}

TEST(MeasureCorruptions, AreOfTheSigmoidsAndOfFiniteOutputs) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const DatasetRange few(*dataset, 0, 4);
  float logit = std::log(4.f);  // a sigmoid of 0.8, and a softmax over 8 classes of 0.36
  MeasuredNetwork network;
  network.network = [&](const Images& images) {
    Matrix logits(images.count, 8);
    for (int64_t i = 0; i < images.count; ++i) logits.row(i)[0] = logit;
    return logits;
  };
  network.outputs = {8, LossType::kSigmoid, "m.onnx"};
  network.class_names = dataset->class_names();
  network.loader.preprocessing = Preprocessing::from_type("imagenet_32a");
  CorruptionSource source;
  source.dataset = &few;
  source.options.corruptions = {"brightness"};
  source.options.severities = {1};
  source.options.resize = source.options.crop = 32;
  CorruptionResults results;
  measure_corruptions(network, source, results, [] {});
  const double right = 1 - results.clean->error;
  EXPECT_NEAR(results.clean->ece, std::abs(right - 0.8), 1e-6);
  EXPECT_NEAR(results.corruptions["brightness"][1].ece, std::abs(right - 0.8), 1e-6);
  logit = NAN;
  CorruptionResults none;
  EXPECT_THAT(test::error_of<RunError>([&] { measure_corruptions(network, source, none, [] {}); }),
              HasSubstr("m.onnx: its outputs for "));
  none.clean = results.clean;
  EXPECT_THAT(test::error_of<RunError>([&] { measure_corruptions(network, source, none, [] {}); }),
              HasSubstr("m.onnx: its outputs for "));
}

}  // namespace
}  // namespace assemble
