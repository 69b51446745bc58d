// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/perturbation_robustness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/data/frame_loader.h"
#include "drawn_data.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Logits that rank the classes of each row in the order given.
Matrix ranking(const std::vector<std::vector<int64_t>>& frames) {
  const auto count = static_cast<int64_t>(frames.size()), classes = static_cast<int64_t>(frames[0].size());
  Matrix logits(count, classes);
  for (int64_t f = 0; f < count; ++f) {
    for (int64_t r = 0; r < classes; ++r) {
      logits.row(f)[static_cast<size_t>(frames[f][r])] = static_cast<float>(classes - r);
    }
  }
  return logits;
}

TEST(Flips, MatchHandComputedExamples) {
  const Matrix logits = ranking({{0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {0, 1, 2}, {2, 1, 0}});
  EXPECT_DOUBLE_EQ(flip_share(logits, false), 3.0 / 4);  // 0→1, 1→0, 0→2 of four steps
  EXPECT_DOUBLE_EQ(flip_share(logits, true), 3.0 / 4);   // 1, 1, 2 differ from 0
  const Matrix noise = ranking({{0, 1}, {1, 0}, {1, 0}, {1, 0}});
  EXPECT_DOUBLE_EQ(flip_share(noise, false), 1.0 / 3);
  EXPECT_DOUBLE_EQ(flip_share(noise, true), 1);
}

TEST(Top5Distance, MatchesHandComputedExamples) {
  const std::vector<int64_t> order{0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_DOUBLE_EQ(top5_distance(ranking({order, order}), false), 0);
  EXPECT_DOUBLE_EQ(top5_distance(ranking({order, {1, 0, 2, 3, 4, 5, 6, 7}}), false), 2);
  // Beyond rank 5 all ranks are alike.
  EXPECT_DOUBLE_EQ(top5_distance(ranking({order, {0, 1, 2, 3, 4, 7, 6, 5}}), false), 0);
  // Class 4 leaves the five: |4 - 5|.
  EXPECT_DOUBLE_EQ(top5_distance(ranking({order, {0, 1, 2, 3, 7, 5, 6, 4}}), false), 1);
  // Class 0 goes to the end (5), 1…4 move up by one: 5 + 4.
  EXPECT_DOUBLE_EQ(top5_distance(ranking({order, {1, 2, 3, 4, 5, 6, 7, 0}}), false), 9);
  // Of two steps, the second goes back: the mean to the first frame is half of that.
  const auto there_and_back = ranking({order, {1, 0, 2, 3, 4, 5, 6, 7}, order});
  EXPECT_DOUBLE_EQ(top5_distance(there_and_back, false), 2);
  EXPECT_DOUBLE_EQ(top5_distance(there_and_back, true), 1);
}

TEST(Top5Distance, FewerThanFiveClasses) { EXPECT_DOUBLE_EQ(top5_distance(ranking({{0, 1, 2}, {2, 1, 0}}), false), 4); }

PerturbationResults scaled(double factor) {
  PerturbationResults results;
  for (const auto& [kind, flips] : alexnet_perturbation_baseline().flip_probabilities) {
    results[kind] = {5, factor * flips, factor};
  }
  return results;
}

TEST(PerturbationScores, AlexNetAgainstItselfIs100) {
  const PerturbationScores scores = score_perturbations(scaled(1), alexnet_perturbation_baseline());
  EXPECT_NEAR(scores.mfr.value(), 100, 1e-9);
  EXPECT_FALSE(scores.mt5d.has_value());  // was never published
  EXPECT_NEAR(scores.unnormalised_t5d.value(), 1, 1e-12);
  EXPECT_NEAR(scores.unnormalised_fr.value(), 14.04630, 1e-6);  // 100 · 1.40463 / 10
  EXPECT_EQ(scores.flip_rates.size(), 14u);
}

TEST(PerturbationScores, AnyNetworkServesAsBaseline) {
  const PerturbationScores scores = score_perturbations(scaled(0.3), baseline_of(scaled(0.5), "other"));
  EXPECT_NEAR(scores.mfr.value(), 60, 1e-9);
  EXPECT_NEAR(scores.mt5d.value(), 60, 1e-9);
  PerturbationResults partial = scaled(0.3);
  partial.erase("tilt");
  EXPECT_FALSE(score_perturbations(partial, alexnet_perturbation_baseline()).mfr.has_value());
}

TEST(PerturbationResults, SurviveJson) {
  const auto json = to_json(scaled(0.4));
  EXPECT_EQ(to_json(perturbation_results_from_json(json, "here")), json);
  EXPECT_THAT(test::error_of<InputError>([] {
                perturbation_results_from_json({{"rain", 1}}, "p.json");
              }),
              testing::HasSubstr("p.json"));
}

TEST(PerturbationScores, RefuseABaselineThatIsNoShare) {
  for (const double wrong : {std::nan(""), -0.1, 1.1}) {
    const PerturbationBaseline flips{"other.json", {{"snow", wrong}}, {}};
    EXPECT_THAT(test::error_of<InputError>([&] { score_perturbations(scaled(1), flips); }),
                testing::HasSubstr("other.json: flip probability of snow is"));
  }
  for (const double wrong : {std::nan(""), -0.1, std::numeric_limits<double>::infinity()}) {
    const PerturbationBaseline distances{"other.json", {}, {{"snow", wrong}}};
    EXPECT_THROW(score_perturbations(scaled(1), distances), InputError);
  }
}

TEST(PerturbationResults, RefuseWhatWasNotMeasured) {
  for (const nlohmann::ordered_json& json : {nlohmann::ordered_json(nullptr), nlohmann::ordered_json::array()}) {
    EXPECT_THROW(perturbation_results_from_json(json, "p.json"), InputError);
  }
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::ordered_json>>{
           {"flip_probability", -1}, {"flip_probability", nullptr}, {"top5_distance", "1"}, {"sequences", 0}}) {
    auto json = to_json(scaled(0.4));
    json["snow"][key] = value;
    EXPECT_THROW(perturbation_results_from_json(json, "p.json"), InputError) << key;
  }
}

TEST(MeasureShiftConsistency, ComparesTheCropsOfEachImage) {
  const std::unique_ptr<Dataset> dataset = open_dataset(test::drawn_data(), Split::kValidation);
  // Another class for every frame: the number of images that came before.
  int64_t seen = 0;
  MeasuredNetwork network;
  network.network = [&](const Images& images) {
    Matrix logits(images.count, 8);
    for (int64_t i = 0; i < images.count; ++i) logits.row(i)[static_cast<size_t>(seen++ % 8)] = 1;
    return logits;
  };
  network.outputs = {8, LossType::kSoftmax, "m.onnx"};
  network.class_names = dataset->class_names();
  network.loader.preprocessing = Preprocessing::from_type("imagenet_32a");
  network.loader.preprocessing.eval_resize = 40;
  const ShiftConsistency shifted = measure_shift_consistency(network, DatasetRange(*dataset, 0, 3), 4);
  EXPECT_EQ(shifted.images, 3);
  EXPECT_EQ(shifted.largest_shift, 4);
  EXPECT_EQ(shifted.consistency, 0) << "no two of five crops have the same class";
  network.network = [](const Images& images) { return Matrix(images.count, 8); };
  EXPECT_EQ(measure_shift_consistency(network, DatasetRange(*dataset, 0, 3), 4).consistency, 1);
}

TEST(FrameLoader, GivesGroupsInOrderAndLeavesOutBrokenOnes) {
  Preprocessing preprocessing;
  preprocessing.eval_size = 4;
  preprocessing.mean = {1, 2, 3};
  const auto make = [](int64_t index) {
    if (index == 3) throw InputError("image 3", "is broken");
    return std::vector<Image>(2, Image{4, 4, std::vector<uint8_t>(48, static_cast<uint8_t>(index))});
  };
  for (const int threads : {1, 3}) {
    FrameLoader loader(9, make, {preprocessing, threads, 1});
    FrameGroup group;
    std::vector<int64_t> seen;
    while (loader.next(group)) {
      seen.push_back(group.index);
      ASSERT_EQ(group.images.size(), 96u);
      EXPECT_FLOAT_EQ(group.images[50], static_cast<float>(group.index) - 3);
    }
    EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 4, 5, 6, 7, 8));
    EXPECT_EQ(loader.broken(), 1);
  }
  FrameLoader strict(9, make, {preprocessing, 1, 0});
  FrameGroup group;
  EXPECT_THROW(while (strict.next(group)){}, InputError);
}

TEST(PerturbationResults, OfPartsAreMeansOverTheSequences) {
  const std::vector<PerturbationResults> parts{{{"tilt", {1, 0.5, 2}}}, {{"tilt", {3, 0.1, 1}}}};
  const PerturbationResults whole = merged(parts);
  EXPECT_EQ(whole.at("tilt").sequences, 4);
  EXPECT_NEAR(whole.at("tilt").flip_probability, 0.2, 1e-12);
  EXPECT_NEAR(whole.at("tilt").top5_distance, 1.25, 1e-12);
  EXPECT_THROW(merged(std::span<const PerturbationResults>()), UsageError);
  EXPECT_THROW(merged(std::vector<PerturbationResults>{parts[0], {}}), UsageError);
}

}  // namespace
}  // namespace assemble
