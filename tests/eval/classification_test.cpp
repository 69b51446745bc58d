// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/classification.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "assemble/core/error.h"
#include "assemble/io/safetensors.h"
#include "assemble/models/tensor_file.h"
#include "drawn_data.h"
#include "parity.h"

namespace assemble {
namespace {

TEST(ClassificationMeter, CountsTopOneTopFiveAndConfusion) {
  ClassificationMeter meter(6);
  // Row 0 is right; row 1's label 0 is among the best five; row 2's label 5 is the least probable.
  meter.add(
      torch::tensor({{9.f, 1.f, 2.f, 3.f, 4.f, 5.f}, {1.f, 0.f, 2.f, 3.f, 4.f, 5.f}, {9.f, 5.f, 4.f, 3.f, 2.f, 1.f}}),
      torch::tensor({0, 0, 5}));
  const ClassificationResult result = meter.result();
  EXPECT_EQ(result.images, 3);
  EXPECT_DOUBLE_EQ(result.top1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(result.top5, 2.0 / 3);
  EXPECT_EQ(result.confusion[0], (std::vector<int64_t>{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(result.confusion[5][0], 1);
  EXPECT_DOUBLE_EQ(result.class_accuracy(0), 0.5);
  EXPECT_TRUE(std::isnan(result.class_accuracy(3)));
}

TEST(ClassificationMeter, LossIsTheMeanCrossEntropy) {
  ClassificationMeter meter(3);
  meter.add(torch::tensor({{1.f, 2.f, 3.f}}), torch::tensor({2}));
  meter.add(torch::tensor({{0.f, 0.f, 0.f}}), torch::tensor({0}));
  EXPECT_NEAR(meter.result().loss, (0.40760596 + 1.09861229) / 2, 1e-6);
  EXPECT_DOUBLE_EQ(meter.result().top5, 1.0) << "fewer classes than five";
}

TEST(ClassificationMeter, OfASigmoidNetworkMeasuresItsSigmoids) {
  // Sigmoids of the best classes: 0.95 and right, 0.75 and wrong; a softmax would give 0.983 and 0.900.
  const float nineteen = std::log(19.f), three = std::log(3.f);
  const torch::Tensor logits = torch::tensor({{nineteen, -three}, {three, -1.1f}});
  ClassificationMeter meter(2, LossType::kSigmoid);
  meter.add(logits, torch::tensor({0, 1}));
  const ClassificationResult result = meter.result();
  EXPECT_DOUBLE_EQ(result.top1, 0.5);
  EXPECT_NEAR(result.ece, (0.05 + 0.75) / 2, 1e-6);
  const double first = -std::log(0.95) - std::log(0.75);
  const double second = -std::log(0.25) - std::log(1 / (1 + std::exp(1.1)));
  EXPECT_NEAR(result.loss, (first + second) / 2, 1e-6) << "binary cross-entropies, summed over the classes";
}

TEST(ClassificationMeter, RanksByLogitsWhereSigmoidsAreEqual) {
  const torch::Tensor logits = torch::tensor({{30.f, 40.f, 35.f}});
  ClassificationMeter meter(3, LossType::kSigmoid);
  meter.add(logits, torch::tensor({1}));
  EXPECT_EQ(meter.result().top1, 1);
}

TEST(ClassificationMeter, NothingMeasuredIsAnError) {
  EXPECT_NE(test::error_of<InputError>([] { ClassificationMeter(3).result(); }).find("not one image"),
            std::string::npos);
}

TEST(ClassificationMeter, AnImageWithoutFiniteLogitsIsWrong) {
  ClassificationMeter meter(2);
  meter.add(torch::tensor({{NAN, 0.f}, {9.f, 0.f}, {INFINITY, 0.f}, {NAN, NAN}}), torch::tensor({0, 0, 0, 0}));
  const ClassificationResult result = meter.result();
  EXPECT_EQ(result.images, 4);
  EXPECT_DOUBLE_EQ(result.top1, 0.25);
  EXPECT_DOUBLE_EQ(result.top5, 0.25);
  EXPECT_EQ(result.loss, INFINITY);
  EXPECT_NEAR(result.ece, (2 + 1 / (1 + std::exp(-9.0))) / 4, 1e-6);
}

TEST(ClassificationMeter, SumsOfPartsAreThoseOfTheWhole) {
  const torch::Tensor logits = torch::randn({50, 7}, torch::make_generator<torch::CPUGeneratorImpl>(3));
  const torch::Tensor labels = torch::arange(50) % 7;
  ClassificationMeter whole(7), sum(7);
  whole.add(logits, labels);
  for (const auto& [begin, end] : {std::pair(0, 16), std::pair(16, 16), std::pair(16, 50)}) {
    ClassificationMeter part(7);
    if (begin < end) part.add(logits.slice(0, begin, end), labels.slice(0, begin, end));
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
    const torch::Tensor logits = read_tensor(file, "logits");
    ClassificationMeter meter(logits.size(1));
    meter.add(logits, read_tensor(file, "targets").to(torch::kLong));
    const ClassificationResult result = meter.result();
    for (const auto& [name, value] : {std::pair("top1", result.top1), {"top5", result.top5}, {"ece", result.ece}}) {
      const double difference = std::abs(value - expected.at(name).get<double>());
      EXPECT_LE(difference, 1e-6) << name;
      test::log_parity("measures", name, "difference", difference, 1e-6);
    }
  }
}

TEST(ImageTensor, PutsAnImagesViewsOneAfterTheOther) {
  Batch batch;
  batch.size = 2;
  batch.side = 1;
  batch.views = 2;
  batch.images = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const torch::Tensor images = image_tensor(batch, torch::kCPU);
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{4, 3, 1, 1}));
  EXPECT_FLOAT_EQ((images[2][1][0][0].item<float>()), 7);
}

TEST(AverageViews, AveragesProbabilitiesNotLogits) {
  const torch::Tensor logits = torch::tensor({{0.f, 0.f}, {std::log(3.f), 0.f}, {5.f, 5.f}, {-1.f, -1.f}});
  const torch::Tensor averaged = torch::softmax(average_views(logits, 2, LossType::kSoftmax), 1);
  EXPECT_TRUE(torch::allclose(averaged, torch::tensor({{0.625f, 0.375f}, {0.5f, 0.5f}})));
  EXPECT_TRUE(average_views(logits, 1, LossType::kSoftmax).is_same(logits));
}

TEST(AverageViews, OfASigmoidNetworkAveragesSigmoids) {
  const torch::Tensor logits = torch::tensor({{0.f, 2.f}, {std::log(3.f), 2.f}});
  const torch::Tensor averaged = torch::sigmoid(average_views(logits, 2, LossType::kSigmoid));
  EXPECT_TRUE(torch::allclose(averaged, torch::tensor({{0.625f, 0.880797f}})));
}

/// A network whose logits for some images are not finite.
TEST(Evaluate, NamesTheNetworkAndTheImageWhoseLogitsAreNotFinite) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 4;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    int64_t batches = 0;
    const auto network = [&](const torch::Tensor& images) {
      torch::Tensor logits = torch::zeros({images.size(0), dataset->classes()});
      if (++batches == 2) logits[1][0] = value;
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

TEST(Evaluate, PutsTheModeBackAfterAnError) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = dataset->classes()}, 1);
  model->named_parameters()["fc.bias"].detach().fill_(NAN);
  LoaderOptions options;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  Loader loader(*dataset, options);
  model->train();
  EXPECT_EQ(evaluate(*model, loader, torch::kCPU, Precision::kF32).top1, 0);
  EXPECT_TRUE(model->is_training());
  EXPECT_THROW(model->multiply_adds(-1), std::exception);
  EXPECT_TRUE(model->is_training());
}

TEST(ImageTensor, IsAChannelsLastViewOfTheBatch) {
  Batch batch;
  batch.size = 1;
  batch.side = 2;
  batch.images = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const torch::Tensor images = image_tensor(batch, torch::kCPU);
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{1, 3, 2, 2}));
  EXPECT_FLOAT_EQ((images[0][1][0][1].item<float>()), 4);
  EXPECT_TRUE(images.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(images.data_ptr<float>(), batch.images.data());
}

}  // namespace
}  // namespace assemble
