// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/classification.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/io/safetensors.h"
#include "drawn_data.h"
#include "matrices.h"
#include "parity.h"

namespace assemble {
namespace {

void add(ClassificationMeter& meter, const std::vector<std::vector<float>>& logits,
         const std::vector<int64_t>& labels) {
  meter.add(test::matrix(logits), labels);
}

TEST(ClassificationMeter, CountsTopOneTopFiveAndConfusion) {
  ClassificationMeter meter(6);
  // Row 0 is right; row 1's label 0 is among the best five; row 2's label 5 is the least probable.
  add(meter, {{9, 1, 2, 3, 4, 5}, {1, 0, 2, 3, 4, 5}, {9, 5, 4, 3, 2, 1}}, {0, 0, 5});
  const ClassificationResult result = meter.result();
  EXPECT_EQ(result.images, 3);
  EXPECT_DOUBLE_EQ(result.top1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(result.top5, 2.0 / 3);
  EXPECT_EQ(result.confusion[0], (std::vector<int64_t>{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(result.confusion[5][0], 1);
  EXPECT_DOUBLE_EQ(result.class_accuracy(0), 0.5);
  EXPECT_TRUE(std::isnan(result.class_accuracy(3)));
}

/// scikit-learn's precision_recall_fscore_support and balanced_accuracy_score of the same answers.
TEST(ClassificationResult, MeasuresEachClass) {
  ClassificationMeter meter(4);
  add(meter, {{1, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}}, {0, 0, 0, 1, 1, 2});
  const ClassificationResult result = meter.result();
  EXPECT_DOUBLE_EQ(result.class_precision(0), 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.class_f1(0), 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.class_precision(1), 1.0 / 3);
  EXPECT_DOUBLE_EQ(result.class_f1(1), 0.4);
  EXPECT_TRUE(std::isnan(result.class_precision(2)));
  EXPECT_EQ(result.class_f1(2), 0);
  EXPECT_TRUE(std::isnan(result.class_f1(3)));
  EXPECT_DOUBLE_EQ(result.balanced_accuracy(), (2.0 / 3 + 0.5 + 0) / 3);
  EXPECT_DOUBLE_EQ(result.macro_f1(), (2.0 / 3 + 0.4 + 0) / 3);
}

TEST(ClassificationResult, ShowsReadableNamesBesideSynsets) {
  ClassificationMeter meter(2);
  add(meter, {{1, 2}}, {1});
  const auto json = to_json(meter.result(), {"background", "n01440764"});
  EXPECT_EQ(json["class_accuracy"]["n01440764"], 1.0);
  EXPECT_EQ(json["readable_names"], (nlohmann::json{{"n01440764", "tench"}}));
  EXPECT_NE(to_text(meter.result(), {"background", "n01440764"}).find("n01440764 tench"), std::string::npos);
  EXPECT_FALSE(to_json(meter.result(), {"a", "b"}).contains("readable_names"));
}

TEST(ClassificationMeter, LossIsTheMeanCrossEntropy) {
  ClassificationMeter meter(3);
  add(meter, {{1, 2, 3}}, {2});
  add(meter, {{0, 0, 0}}, {0});
  EXPECT_NEAR(meter.result().loss, (0.40760596 + 1.09861229) / 2, 1e-6);
  EXPECT_DOUBLE_EQ(meter.result().top5, 1.0) << "fewer classes than five";
}

TEST(ClassificationMeter, OfASigmoidNetworkMeasuresItsSigmoids) {
  // Sigmoids of the best classes: 0.95 and right, 0.75 and wrong; a softmax would give 0.983 and 0.900.
  const float nineteen = std::log(19.f), three = std::log(3.f);
  ClassificationMeter meter(2, LossType::kSigmoid);
  add(meter, {{nineteen, -three}, {three, -1.1f}}, {0, 1});
  const ClassificationResult result = meter.result();
  EXPECT_DOUBLE_EQ(result.top1, 0.5);
  EXPECT_NEAR(result.ece, (0.05 + 0.75) / 2, 1e-6);
  const double first = -std::log(0.95) - std::log(0.75);
  const double second = -std::log(0.25) - std::log(1 / (1 + std::exp(1.1)));
  EXPECT_NEAR(result.loss, (first + second) / 2, 1e-6) << "binary cross-entropies, summed over the classes";
}

TEST(ClassificationMeter, RanksByLogitsWhereSigmoidsAreEqual) {
  ClassificationMeter meter(3, LossType::kSigmoid);
  add(meter, {{30, 40, 35}}, {1});
  EXPECT_EQ(meter.result().top1, 1);
}

TEST(ClassificationMeter, NothingMeasuredIsAnError) {
  EXPECT_NE(test::error_of<InputError>([] { ClassificationMeter(3).result(); }).find("not one image"),
            std::string::npos);
}

TEST(ClassificationMeter, AnImageWithoutFiniteLogitsIsWrong) {
  ClassificationMeter meter(2);
  add(meter, {{NAN, 0}, {9, 0}, {INFINITY, 0}, {NAN, NAN}}, {0, 0, 0, 0});
  const ClassificationResult result = meter.result();
  EXPECT_EQ(result.images, 4);
  EXPECT_DOUBLE_EQ(result.top1, 0.25);
  EXPECT_DOUBLE_EQ(result.top5, 0.25);
  EXPECT_EQ(result.loss, INFINITY);
  EXPECT_NEAR(result.ece, (2 + 1 / (1 + std::exp(-9.0))) / 4, 1e-6);
}

TEST(ClassificationMeter, SumsOfPartsAreThoseOfTheWhole) {
  const Matrix logits = test::normal_matrix(50, 7, 3);
  ClassificationMeter whole(7), sum(7);
  for (int64_t i = 0; i < 50; ++i) whole.add(logits.row(i), i % 7);
  for (const auto& [begin, end] : {std::pair(0, 16), std::pair(16, 16), std::pair(16, 50)}) {
    ClassificationMeter part(7);
    for (int64_t i = begin; i < end; ++i) part.add(logits.row(i), i % 7);
    sum.add_sums(part.sums(), "part");
  }
  const ClassificationResult expected = whole.result(), result = sum.result();
  EXPECT_EQ(result.images, 50);
  EXPECT_EQ(result.top1, expected.top1);
  EXPECT_EQ(result.top5, expected.top5);
  EXPECT_EQ(result.confusion, expected.confusion);
  EXPECT_NEAR(result.ece, expected.ece, 1e-12);
  EXPECT_NEAR(result.loss, expected.loss, 1e-6);
  EXPECT_THROW(sum.add_sums(ClassificationMeter(6).sums(), "six classes"), InputError);
  EXPECT_THROW(sum.add_sums("{}", "nothing"), InputError);
}

/// The original's measures on stored logits, and on those given.
TEST(ClassificationMeter, EqualsTheOriginal) {
  std::vector<fs::path> folders{test::stored_golden("")};
  if (const auto golden = test::golden_directory()) folders.push_back(*golden);
  for (const fs::path& folder : folders) {
    const SafetensorsFile file(folder / "metrics.safetensors");
    const auto expected = nlohmann::json::parse(test::read_text(folder / "metrics.json"));
    const Matrix logits = test::read_matrix(file, "logits");
    ClassificationMeter meter(logits.columns);
    meter.add(logits, test::read_integers(file, "targets"));
    const ClassificationResult result = meter.result();
    for (const auto& [name, value] : {std::pair("top1", result.top1), {"top5", result.top5}, {"ece", result.ece}}) {
      const double difference = std::abs(value - expected.at(name).get<double>());
      EXPECT_LE(difference, 1e-6) << name;
      test::log_parity("measures", name, "difference", difference, 1e-6);
    }
  }
}

TEST(ImagesOf, ABatchAreItsImagesWithTheirViewsOneAfterTheOther) {
  Batch batch;
  batch.size = 2;
  batch.side = 1;
  batch.views = 2;
  batch.images = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const Images images = images_of(batch);
  EXPECT_EQ(images.count, 4);
  EXPECT_EQ(images.height, 1);
  EXPECT_EQ(images.width, 1);
  EXPECT_EQ(std::get<const float*>(images.pixels), batch.images.data());
  EXPECT_EQ(*std::get<const float*>(images.part(2, 3).pixels), 6);
}

TEST(AverageViews, AveragesProbabilitiesNotLogits) {
  const Matrix logits = test::matrix({{0, 0}, {std::log(3.f), 0}, {5, 5}, {-1, -1}});
  const Matrix averaged = to_probabilities(average_views(logits, 2, LossType::kSoftmax), LossType::kSoftmax);
  EXPECT_LT(test::relative_difference(averaged, test::matrix({{0.625f, 0.375f}, {0.5f, 0.5f}})), 1e-6);
  EXPECT_TRUE(test::same(average_views(logits, 1, LossType::kSoftmax), logits));
}

TEST(AverageViews, OfASigmoidNetworkAveragesSigmoids) {
  const Matrix logits = test::matrix({{0, 2}, {std::log(3.f), 2}});
  const Matrix averaged = to_probabilities(average_views(logits, 2, LossType::kSigmoid), LossType::kSigmoid);
  EXPECT_LT(test::relative_difference(averaged, test::matrix({{0.625f, 0.880797f}})), 1e-6);
}

/// Where probabilities are 0 or 1 in f32, and logits far from their means.
TEST(AverageViews, OfVeryCertainViewsIsFinite) {
  const Matrix logits = test::matrix({{200, -200, 0}, {-200, 200, 0}, {200, -200, 0}});
  const Matrix softmax = average_views(logits, 3, LossType::kSoftmax);
  EXPECT_NEAR(softmax.values[0], std::log(2.0 / 3), 1e-6);
  EXPECT_NEAR(softmax.values[1], std::log(1.0 / 3), 1e-6);
  EXPECT_NEAR(softmax.values[2], -200, 1e-4);
  const Matrix sigmoid = average_views(logits, 3, LossType::kSigmoid);
  EXPECT_NEAR(sigmoid.values[0], std::log(2.0), 1e-6);
  EXPECT_NEAR(sigmoid.values[1], -std::log(2.0), 1e-6);
  EXPECT_NEAR(sigmoid.values[2], 0, 1e-6);
}

TEST(BestClasses, ComeInTheOrderOfTheirLogitsAndOfTheirNumbers) {
  const std::vector<float> logits{1, 3, 3, 0, 2};
  EXPECT_EQ(best_classes(logits, 3), (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(best_classes(logits, 9), (std::vector<int64_t>{1, 2, 4, 0, 3}));
  EXPECT_TRUE(best_classes({}, 3).empty());
}

/// A network whose logits for some images are not finite.
TEST(Evaluate, NamesTheNetworkAndTheImageWhoseLogitsAreNotFinite) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 4;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    int64_t batches = 0;
    const auto network = [&](const Images& images) {
      Matrix logits(images.count, dataset->classes());
      if (++batches == 2) logits.row(1)[0] = value;
      return logits;
    };
    Loader loader(*dataset, options);
    const std::string message = test::error_of<RunError>([&] {
      evaluate(network, {dataset->classes(), LossType::kSoftmax, "m.safetensors"}, loader);
    });
    EXPECT_EQ(message.find("m.safetensors: its outputs for " + dataset->read(5).name + " are not finite"), 0u)
        << message;
  }
}

TEST(Evaluate, CountsOutputsThatAreNotFiniteAsWrongWhereTheyMayBe) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  Loader loader(*dataset, options);
  const auto network = [&](const Images& images) { return test::filled(images.count, dataset->classes(), NAN); };
  const Outputs outputs{dataset->classes(), LossType::kSoftmax, "m"};
  const ClassificationResult result = evaluate(network, outputs, loader, "", NotFinite::kWrong);
  EXPECT_EQ(result.images, dataset->size());
  EXPECT_EQ(result.top1, 0);
  EXPECT_EQ(result.loss, INFINITY);
}

}  // namespace
}  // namespace assemble
