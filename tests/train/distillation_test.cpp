// SPDX-License-Identifier: Apache-2.0
// Training on records with teacher's logits: from the file to the loss.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/shards.h"
#include "assemble/io/tfrecord.h"
#include "assemble/trace/arrays.h"
#include "assemble/train/run_observers.h"
#include "assemble/train/trainer.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using testing::HasSubstr;

class DistillationTest : public testing::Test {
 protected:
  DistillationTest() {
    options_.arch = "resnet50+w8";
    options_.epochs = 1;
    options_.batch_size = 8;
    options_.label_smoothing = 0.1;
    options_.kd_temperature = 2;
    options_.preprocessing = Preprocessing::from_type("imagenet_64a");
    options_.log_every = 1;
    options_.seed = 5;
  }

  /// The drawn images with random logits, or without.
  std::unique_ptr<Dataset> records(bool with_logits) {
    const auto drawn = open_dataset(test::drawn_data(), Split::kTrain);
    const fs::path directory = folder_ / (with_logits ? "taught" : "plain");
    fs::create_directories(directory);
    TfRecordWriter writer(directory / shard_name("train", 0, 1));
    Random random(1, RandomPurpose::kDraw);
    for (int64_t i = 0; i < drawn->size(); ++i) {
      Example example = drawn->example(i);
      std::vector<float> logits(static_cast<size_t>(drawn->classes()));
      for (float& logit : logits) logit = static_cast<float>(3 * random.normal());
      if (with_logits) example["image/logit"] = logits;
      writer.write(serialise_example(example));
    }
    writer.commit();
    write_file(directory / "classes.txt", std::string_view(join(drawn->class_names(), "\n")));
    return open_dataset(directory, Split::kTrain);
  }

  double first_loss(const Dataset& train, const std::string& run_name) {
    RunFolder run(folder_ / run_name, false);
    const auto validation = open_dataset(test::drawn_data(), Split::kValidation);
    RunObservers observers(run, options_);
    Trainer(train, *validation, options_, observers.all()).run();
    const std::string line = split(test::read_text(folder_ / run_name / "metrics.jsonl"), '\n').front();
    return nlohmann::json::parse(line).at("loss");
  }

  /// What the first step's loss should be, put together by hand.
  double expected_loss(const Dataset& train) {
    const bool halves = options_.mixup == MixupType::kHalves;
    LoaderOptions loading;
    loading.training = true;
    loading.teacher_logits = true;
    loading.batch_size = options_.batch_size * (halves ? 2 : 1);
    loading.seed = options_.seed;
    loading.preprocessing = options_.preprocessing;
    Loader loader(train, loading);
    Batch batch;
    loader.start(0);
    loader.next(batch);
    torch::Tensor images = to_tensor(images_of(batch));
    torch::Tensor labels = torch::one_hot(torch::tensor(batch.labels), train.classes()).to(torch::kFloat32);
    torch::Tensor teacher =
        torch::softmax(torch::tensor(batch.logits).view({batch.size, train.classes()}) / options_.kd_temperature, 1);
    if (options_.mixup != MixupType::kOff) {
      Random random(options_.seed, RandomPurpose::kMixup, 0, 0);
      const torch::Tensor lambdas = draw_lambdas(options_.mixup, batch.size, options_.mixup_alpha, random);
      const auto mix_rows = [&](const torch::Tensor& all) {
        std::vector<torch::Tensor> rows;
        const int64_t half = all.size(0) / 2;
        for (int64_t i = 0; i < lambdas.size(0); ++i) {
          const int64_t partner = i < half ? half + i : 2 * half - 1 - (i - half);
          rows.push_back(lambdas[i] * all[i % half] + (1 - lambdas[i]) * all[partner]);
        }
        return torch::stack(rows);
      };
      images = mix_rows(images);
      labels = mix_rows(labels);
      teacher = mix_rows(teacher);
    }
    const Classifier model = make_classifier(Arch::parse(options_.arch), {.classes = train.classes()}, options_.seed);
    const torch::Tensor logits = model->forward(images.contiguous(torch::MemoryFormat::ChannelsLast));
    const double classes = static_cast<double>(train.classes()), t = options_.kd_temperature;
    const torch::Tensor smooth = labels * (1 - options_.label_smoothing) + options_.label_smoothing / classes;
    const torch::Tensor hard = -(smooth * torch::log_softmax(logits, 1)).sum(1).mean();
    const torch::Tensor soft = -(teacher * torch::log_softmax(logits / t, 1)).sum(1).mean();
    return (hard + t * t * soft).item<double>();
  }

  test::TemporaryFolder folder_;
  TrainOptions options_;
};

TEST_F(DistillationTest, TheLossIsThatOfLabelsAndMixedTeachersLabels) {
  const auto train = records(true);
  for (const MixupType mixup : {MixupType::kOff, MixupType::kHalves, MixupType::kKeepBatch}) {
    options_.mixup = mixup;
    const double loss = first_loss(*train, concat("mixup", static_cast<int>(mixup)));
    const double expected = expected_loss(*train);
    std::cout << "mixup " << static_cast<int>(mixup) << ": " << loss << ", difference " << std::abs(loss - expected)
              << std::endl;
    EXPECT_NEAR(loss, expected, 1e-4 * expected);
  }
}

TEST_F(DistillationTest, WithoutLogitsTheErrorSaysHowToStoreThem) {
  const auto train = records(false);
  EXPECT_THAT(test::error_of<InputError>([&] { first_loss(*train, "run"); }),
              testing::AllOf(HasSubstr("has 0 teacher logits, expected 8"), HasSubstr("assemble teach")));
}

}  // namespace
}  // namespace assemble
