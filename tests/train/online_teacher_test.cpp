// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/online_teacher.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/shards.h"
#include "assemble/eval/class_pairing.h"
#include "assemble/io/tfrecord.h"
#include "assemble/trace/arrays.h"
#include "engines.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using testing::HasSubstr;

class OnlineTeacherTest : public test::TrainerTest {
 protected:
  OnlineTeacherTest() {
    options_ = options();
    options_.arch = "resnet50+w8";
    options_.mixup = MixupType::kOff;
    options_.drop_block = {};
    options_.kd_temperature = 2;
    options_.teacher = teacher_.string();
    options_.teacher_engine = EngineKind::kTorch;
    save_teacher(options_.preprocessing);
  }

  /// A network with random weights, whose answers differ from image to image.
  void save_teacher(const Preprocessing& preprocessing) { save_teacher(preprocessing, train_->class_names()); }
  void save_teacher(const Preprocessing& preprocessing, const std::vector<std::string>& class_names) {
    ModelCard card;
    card.arch = "resnet50+w8";
    card.class_names = class_names;
    card.preprocessing = preprocessing;
    save_model(teacher_, *network(), card);
  }
  Classifier network() const {
    const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = train_->classes()}, 77);
    const torch::NoGradGuard no_grad;
    for (const auto& [name, tensor] : model->named_state()) {
      if (name.starts_with("fc") || name.starts_with("dense")) tensor.mul_(10);
    }
    model->eval();
    return model;
  }
  torch::Tensor answers(const torch::Tensor& images) const {
    const torch::NoGradGuard no_grad;
    return network()->forward(images);
  }

  std::vector<double> losses(const TrainOptions& options, const Dataset& train, const std::string& name) {
    RunFolder run(folder_ / name, false);
    RunObservers observers(run, options);
    Trainer(train, *validation_, options, observers.all()).run();
    std::vector<double> losses;
    for (const std::string& line : split(test::read_text(folder_ / name / "metrics.jsonl"), '\n')) {
      if (line.find("\"learning_rate\"") == std::string::npos) continue;
      losses.push_back(nlohmann::json::parse(line).at("loss"));
    }
    return losses;
  }

  LoaderOptions loading() const {
    LoaderOptions loading;
    loading.training = true;
    loading.batch_size = options_.batch_size * (options_.mixup == MixupType::kHalves ? 2 : 1);
    loading.seed = options_.seed;
    loading.preprocessing = options_.preprocessing;
    loading.augmentation = options_.augmentation;
    return loading;
  }

  /// Records whose logits are the teacher's for the very crops of the first epoch.
  std::unique_ptr<Dataset> taught() {
    Loader loader(*train_, loading());
    loader.start(0);
    std::map<int64_t, std::vector<float>> logits;
    for (Batch batch; loader.next(batch);) {
      const Matrix found = to_matrix(answers(to_tensor(images_of(batch))));
      for (int64_t i = 0; i < batch.size; ++i) {
        logits[batch.indices[static_cast<size_t>(i)]] = {found.row(i).begin(), found.row(i).end()};
      }
    }
    const fs::path folder = folder_ / "taught";
    fs::create_directories(folder);
    TfRecordWriter writer(folder / shard_name("train", 0, 1));
    for (int64_t i = 0; i < train_->size(); ++i) {
      Example example = train_->example(i);
      example["image/logit"] = logits.at(i);
      writer.write(serialise_example(example));
    }
    writer.commit();
    write_file(folder / "classes.txt", std::string_view(join(train_->class_names(), "\n")));
    return open_dataset(folder, Split::kTrain);
  }

  OnlineTeacher open(const Preprocessing& student, EngineKind engine) {
    return {{.model = teacher_, .engine = engine, .batch = 3}, student, train_->class_names(), "the data"};
  }

  fs::path teacher_ = folder_ / "teacher.safetensors";
  TrainOptions options_;
};

TEST_F(OnlineTeacherTest, StoredAndOnlineGiveTheSameLossOnTheSamePixels) {
  options_.epochs = 1;
  options_.schedule.base = 1e-9;  // the losses are of the pixels alone: steps would amplify what engines round
  const auto records = taught();
  TrainOptions stored = options_;
  stored.teacher.clear();
  const std::vector<double> wanted = losses(stored, *records, "stored");
  ASSERT_EQ(wanted.size(), 6u);
  for (const EngineKind engine : test::engines()) {
    options_.teacher_engine = engine;
    const std::vector<double> found = losses(options_, *train_, kEngineKinds.name(engine));
    ASSERT_EQ(found.size(), wanted.size());
    std::cout << kEngineKinds.name(engine) << ": first loss " << found[0] << ", difference "
              << std::abs(found[0] - wanted[0]) << std::endl;
    EXPECT_NEAR(found[0], wanted[0], 1e-5 * wanted[0]);
    for (size_t i = 1; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 5e-3 * wanted[i]) << i;
  }
}

TEST_F(OnlineTeacherTest, SeesMixedImages) {
  for (const MixupType mixup : {MixupType::kHalves, MixupType::kKeepBatch}) {
    options_.mixup = mixup;
    options_.epochs = 1;
    const double found = losses(options_, *train_, concat("mixup", static_cast<int>(mixup))).at(0);
    Loader loader(*train_, loading());
    loader.start(0);
    Batch batch;
    loader.next(batch);
    Random random(options_.seed, RandomPurpose::kMixup, 0, 0);
    const LabelledBatch mixed =
        mix({to_tensor(images_of(batch)), torch::one_hot(torch::tensor(batch.labels), 8).to(torch::kFloat32), {}},
            mixup, draw_lambdas(mixup, batch.size, options_.mixup_alpha, random));
    const Classifier student =
        make_classifier(Arch::parse(options_.arch),
                        {.classes = 8, .bn_momentum = *options_.bn_momentum, .image_size = 32}, options_.seed);
    const torch::Tensor logits = student->forward(mixed.images);
    const torch::Tensor smooth = mixed.labels * (1 - options_.label_smoothing) + options_.label_smoothing / 8;
    const double t = options_.kd_temperature;
    const torch::Tensor soft = torch::softmax(answers(mixed.images) / t, 1);
    const torch::Tensor loss = -(smooth * torch::log_softmax(logits, 1)).sum(1).mean() -
                               t * t * (soft * torch::log_softmax(logits / t, 1)).sum(1).mean();
    EXPECT_NEAR(found, loss.item<double>(), 1e-4 * found);
  }
}

TEST_F(OnlineTeacherTest, HasItsOwnPixelsOnEveryEngine) {
  Preprocessing own = Preprocessing::from_type("torchvision_48_48");
  save_teacher(own);
  const Preprocessing student = Preprocessing::from_type("imagenet_32a");
  const torch::Tensor images = 60 * torch::randn({5, 3, 32, 32}).to(torch::MemoryFormat::ChannelsLast);
  const auto values = [](const std::array<float, 3>& v) {
    return torch::tensor({v[0], v[1], v[2]}).view({1, 3, 1, 1});
  };
  const torch::Tensor rgb = images * values(student.deviation) + values(student.mean);
  const torch::Tensor resized = at::_upsample_bilinear2d_aa(rgb, {48, 48}, false);
  const torch::Tensor wanted = answers((resized - values(own.mean)) / values(own.deviation));
  for (const EngineKind engine : test::engines()) {
    const torch::Tensor found = open(student, engine)(images);
    EXPECT_FALSE(found.requires_grad());
    const double difference = ((found - wanted).abs().max() / wanted.abs().max()).item<double>();
    std::cout << kEngineKinds.name(engine) << ": " << difference << std::endl;
    EXPECT_LT(difference, 1e-4);
  }
}

TEST_F(OnlineTeacherTest, AnswersInTheOrderOfTheStudentsClasses) {
  const Preprocessing own = Preprocessing::from_type("imagenet_32a");
  save_teacher(own, {"h", "g", "f", "e", "d", "c", "b", "a"});
  const torch::Tensor images = torch::randn({3, 3, 32, 32}).to(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor wanted = answers(images).flip(1);
  OnlineTeacher teacher({.model = teacher_, .engine = EngineKind::kTorch}, own,
                        {"background", "a", "b", "c", "d", "e", "f", "g", "h"}, "the data");
  const torch::Tensor found = teacher(images);
  EXPECT_TRUE((found.narrow(1, 0, 1) == kNoLogit).all().item<bool>());
  EXPECT_TRUE(torch::allclose(found.narrow(1, 1, 8), wanted, 1e-5, 1e-5));
}

TEST_F(OnlineTeacherTest, ResumingIsExact) {
  options_.mixup = MixupType::kHalves;
  options_.batch_size = 4;
  options_.teacher_engine = test::engines().back();
  train(options_, "whole");
  ASSERT_TRUE(train_until(options_, "parts", "\"step\":4").interrupted);
  options_.resume = checkpoint("parts");
  train(options_, "parts");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
}

TEST_F(OnlineTeacherTest, TeachersThatDoNotFitAreRefused) {
  TrainOptions cold = options_;
  cold.kd_temperature = 0;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(cold, "cold"); }), HasSubstr("`teacher`: has no effect"));
  EXPECT_THAT(test::error_of<InputError>([&] {
                OnlineTeacher({.model = teacher_, .engine = EngineKind::kTorch}, {}, {"a", "b"}, "the data");
              }),
              HasSubstr("they have no class in common"));
  options_.teacher = (folder_ / "nothing.safetensors").string();
  EXPECT_THROW(train(options_, "nothing"), InputError);
}

}  // namespace
}  // namespace assemble
