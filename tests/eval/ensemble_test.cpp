// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/ensemble.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "../data/memory_dataset.h"
#include "assemble/core/error.h"
#include "assemble/eval/predict.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Logits that depend on every pixel, in a way of its own for each `seed`.
Network pixel_network(uint64_t seed) {
  return [seed](const Images& images) {
    Matrix logits(images.count, 3);
    const auto* pixels = std::get<const float*>(images.pixels);
    for (int64_t i = 0; i < images.count; ++i, pixels += images.values_per_image()) {
      const std::vector<float> weights = test::normal_values(3 * images.values_per_image(), seed);
      for (int64_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (int64_t p = 0; p < images.values_per_image(); ++p) {
          sum += weights[static_cast<size_t>(c * images.values_per_image() + p)] * pixels[p];
        }
        logits.row(i)[static_cast<size_t>(c)] = static_cast<float>(sum / 500);
      }
    }
    return logits;
  };
}

EnsembleMember member(uint64_t seed, const char* type, double weight = 1, LossType loss = LossType::kSoftmax) {
  return {pixel_network(seed), {3, loss, concat("network ", seed)}, Preprocessing::from_type(type), weight};
}

/// The mean by hand: probabilities of every image, each network alone.
Matrix mean_probabilities(const Dataset& data, const std::vector<EnsembleMember>& members, TestViews views) {
  Matrix mean(data.size(), 3);
  double weights = 0;
  for (const EnsembleMember& of : members) weights += of.weight;
  for (int64_t i = 0; i < data.size(); ++i) {
    for (const EnsembleMember& of : members) {
      const int64_t side = of.preprocessing.eval_size, count = view_count(views);
      std::vector<float> pixels(static_cast<size_t>(count * side * side * 3));
      preprocess_views(data.read(i).encoded, "", of.preprocessing, views, pixels);
      const Matrix of_views = to_probabilities(of.network({count, side, side, pixels.data()}), of.outputs.loss);
      for (int64_t v = 0; v < count; ++v) {
        for (size_t c = 0; c < 3; ++c) {
          mean.row(i)[c] += static_cast<float>(of.weight / weights * of_views.row(v)[c] / static_cast<double>(count));
        }
      }
    }
  }
  return mean;
}

std::map<int64_t, std::vector<float>> evaluated(const std::vector<EnsembleMember>& members, const Dataset& data,
                                                TestViews views = TestViews::kOne,
                                                ClassificationResult* result = nullptr) {
  LoaderOptions options = test::options_for(false);
  options.views = views;
  std::map<int64_t, std::vector<float>> found;
  const auto watch = [&](const Batch& batch, const Matrix& logits) {
    const Matrix probabilities = to_probabilities(logits, members.front().outputs.loss);
    for (int64_t i = 0; i < batch.size; ++i) {
      EXPECT_EQ(batch.names[static_cast<size_t>(i)], concat("sample ", batch.indices[static_cast<size_t>(i)]));
      const auto row = probabilities.row(i);
      found[batch.indices[static_cast<size_t>(i)]] = {row.begin(), row.end()};
    }
  };
  const ClassificationMeter meter = evaluate_ensemble(members, data, options, "", watch);
  if (result != nullptr) *result = meter.result();
  return found;
}

class Averages : public testing::TestWithParam<LossType> {};

TEST_P(Averages, AreTheMeanOfEachNetworksProbabilitiesWithItsOwnPreprocessingInAnyOrder) {
  const test::MemoryDataset data(9);
  std::vector<EnsembleMember> members{member(1, "imagenet_16", 3, GetParam()),
                                      member(2, "torchvision_24", 1, GetParam()),
                                      member(3, "reid_20", 0.5, GetParam())};
  for (const TestViews views : {TestViews::kOne, TestViews::kMirror, TestViews::kTenCrop, TestViews::kScales}) {
    const Matrix expected = mean_probabilities(data, members, views);
    double difference = 0;
    for (int round = 0; round < 3; ++round) {
      std::rotate(members.begin(), members.begin() + 1, members.end());
      const auto found = evaluated(members, data, views);
      ASSERT_EQ(found.size(), 9u);
      for (const auto& [image, probabilities] : found) {
        for (size_t c = 0; c < 3; ++c) {
          difference = std::max(difference, std::abs(double{probabilities[c]} - expected.row(image)[c]));
        }
      }
    }
    std::printf("%s: largest difference %.2g\n", kTestViews.name(views), difference);
    EXPECT_LT(difference, 2e-6) << kTestViews.name(views);
  }
}

TEST_P(Averages, OfPredictionsAreThoseOfEvaluation) {
  const test::MemoryDataset data(7);
  const std::vector<EnsembleMember> members{member(1, "imagenet_16", 1, GetParam()),
                                            member(2, "torchvision_24", 2, GetParam())};
  std::vector<std::string> names;
  for (int64_t i = 0; i < data.size(); ++i) names.push_back(concat("image ", i));
  const auto read = [&](int64_t i) { return data.read(i).encoded; };
  const auto found = evaluated(members, data, TestViews::kMirror);
  const std::vector<Prediction> predictions =
      predict(members, data.class_names(), names, read, {.top = 3, .batch_size = 3, .views = TestViews::kMirror});
  ASSERT_EQ(predictions.size(), 7u);
  for (size_t i = 0; i < predictions.size(); ++i) {
    EXPECT_EQ(predictions[i].image, names[i]);
    ASSERT_EQ(predictions[i].classes.size(), 3u);
    for (const Prediction::Class& c : predictions[i].classes) {
      EXPECT_NEAR(c.probability, found.at(static_cast<int64_t>(i))[static_cast<size_t>(c.label)], 1e-6);
      EXPECT_EQ(c.name, data.class_names()[static_cast<size_t>(c.label)]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, Averages, testing::Values(LossType::kSoftmax, LossType::kSigmoid),
                         [](const auto& name) { return kLossTypes.name(name.param); });

TEST(Ensemble, OfOneNetworkIsThatNetwork) {
  const test::MemoryDataset data(9);
  const EnsembleMember alone = member(1, "imagenet_16");
  LoaderOptions options = test::options_for(false);
  Loader loader(data, options);
  const ClassificationMeter expected = evaluate_part(alone.network, alone.outputs, loader);
  EXPECT_EQ(evaluate_ensemble({alone}, data, options).sums(), expected.sums());
}

TEST(Ensemble, MeasuresTheMeansCalibration) {
  const test::MemoryDataset data(12);
  const std::vector<EnsembleMember> members{member(1, "imagenet_16"), member(2, "torchvision_24")};
  ClassificationResult result;
  evaluated(members, data, TestViews::kOne, &result);
  const Matrix mean = mean_probabilities(data, members, TestViews::kOne);
  CalibrationMeter calibration;
  double loss = 0;
  for (int64_t i = 0; i < data.size(); ++i) {
    const int64_t best = best_classes(mean.row(i), 1).front();
    calibration.add(mean.row(i)[static_cast<size_t>(best)], best == data.label(i));
    loss -= std::log(mean.row(i)[static_cast<size_t>(data.label(i))]) / 12;
  }
  EXPECT_EQ(result.images, 12);
  EXPECT_NEAR(result.ece, calibration.error(), 1e-6);
  EXPECT_NEAR(result.loss, loss, 1e-5);
}

TEST(Ensemble, LeavesBrokenImagesOutOnceAndKeepsTheOthersInTheirPlaces) {
  const test::MemoryDataset whole(10), broken(10, {0, 4, 9});
  const std::vector<EnsembleMember> members{member(1, "imagenet_16"), member(2, "torchvision_24"),
                                            member(3, "imagenet_16")};
  ::testing::internal::CaptureStderr();
  const auto found = evaluated(members, broken);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("3 unreadable images were left out"));
  const auto expected = evaluated(members, whole);
  ASSERT_EQ(found.size(), 7u);
  for (const auto& [image, probabilities] : found) EXPECT_EQ(probabilities, expected.at(image)) << image;
}

TEST(Ensemble, PartsOfSeveralProcessesAddUpToTheWhole) {
  const test::MemoryDataset data(11, {3});
  const std::vector<EnsembleMember> members{member(1, "imagenet_16"), member(2, "torchvision_24")};
  LoaderOptions options = test::options_for(false);
  options.world = 3;
  ClassificationMeter sum(3);
  for (int rank = 0; rank < 3; ++rank) {
    options.rank = rank;
    sum.add_sums(evaluate_ensemble(members, data, options).sums(), "rank");
  }
  ClassificationResult whole;
  evaluated(members, data, TestViews::kOne, &whole);
  EXPECT_EQ(sum.result().images, 10);
  EXPECT_EQ(sum.result().confusion, whole.confusion);
  EXPECT_NEAR(sum.result().loss, whole.loss, 1e-9);
}

TEST(Ensemble, AnImageThatOneNetworkCannotAnswerIsAnErrorOfThatImage) {
  const test::MemoryDataset data(4, {2});
  std::vector<EnsembleMember> members{member(1, "imagenet_16"), member(2, "imagenet_16")};
  members[1].network = [](const Images& images) {
    Matrix logits(images.count, 3);
    logits.row(1)[0] = std::numeric_limits<float>::quiet_NaN();
    return logits;
  };
  const auto read = [&](int64_t i) { return data.read(i).encoded; };
  const std::vector<Prediction> predictions =
      predict(members, data.class_names(), {"a", "b", "c", "d"}, read, {.batch_size = 4});
  EXPECT_TRUE(predictions[0].error.empty());
  EXPECT_THAT(predictions[1].error, HasSubstr("not finite"));
  EXPECT_THAT(predictions[2].error, HasSubstr("c"));
  EXPECT_TRUE(predictions[2].classes.empty());
  EXPECT_EQ(predictions[3].classes.size(), 3u);
  const auto nothing = predict(members, data.class_names(), {"a"}, [&](int64_t) { return Bytes{1, 2}; }, {});
  EXPECT_FALSE(nothing[0].error.empty());
}

TEST(MixIn, KeepsVeryCertainProbabilitiesFinite) {
  Matrix softmax = test::matrix({{200, -200, 0}});
  mix_in(softmax, test::matrix({{-200, 200, 0}}), 0.25, LossType::kSoftmax);
  EXPECT_NEAR(softmax.values[0], std::log(0.75), 1e-6);
  EXPECT_NEAR(softmax.values[1], std::log(0.25), 1e-6);
  EXPECT_NEAR(softmax.values[2], -200, 1e-4);
  Matrix sigmoid = test::matrix({{200, -200}});
  mix_in(sigmoid, test::matrix({{-200, -200}}), 0.25, LossType::kSigmoid);
  EXPECT_NEAR(sigmoid.values[0], std::log(3.0), 1e-6);
  EXPECT_NEAR(sigmoid.values[1], -200, 1e-4);
}

TEST(Ensemble, RefusesOtherClassesAndOtherKindsOfProbabilities) {
  const auto refused = [](const std::vector<std::string>& names) {
    return test::error_of<InputError>([&] {
      require_same_classes({{"rose", "tulip", "daisy"}, "a.safetensors"}, {names, "b.safetensors"});
    });
  };
  EXPECT_NO_THROW(require_same_classes({{"a", "b"}, "x"}, {{"a", "b"}, "y"}));
  EXPECT_THAT(refused({"rose", "daisy", "tulip"}), AllOf(HasSubstr("b.safetensors"), HasSubstr("class 1 is 'daisy'"),
                                                         HasSubstr("'tulip' in a.safetensors")));
  EXPECT_THAT(refused({"rose", "tulip"}), HasSubstr("has 2 classes, and a.safetensors 3"));
  const Outputs softmax{3, LossType::kSoftmax, "a"}, cosine{3, LossType::kCosine, "b"},
      sigmoid{3, LossType::kSigmoid, "c"};
  EXPECT_NO_THROW(require_same_probabilities(softmax, cosine));
  EXPECT_THAT(test::error_of<UsageError>([&] { require_same_probabilities(softmax, sigmoid); }),
              AllOf(HasSubstr("sigmoid"), HasSubstr("softmax")));
}

}  // namespace
}  // namespace assemble
