// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/model_file.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/models/tensor_file.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::HasSubstr;

ModelCard card_of(const std::string& arch, int64_t classes) {
  ModelCard card;
  card.arch = Arch::parse(arch).str();
  for (int64_t i = 0; i < classes; ++i) card.class_names.push_back(concat("cl\"ass ", i));
  card.preprocessing = Preprocessing::from_type("imagenet_64");
  card.loss = LossType::kSigmoid;
  card.training = {{"epochs", "3"}, {"data", "ex\"ample"}};
  return card;
}

class ModelFile : public testing::Test {
 protected:
  Classifier save(const std::string& arch, int64_t classes, uint64_t seed = 1) {
    const Classifier model = make_classifier(Arch::parse(arch), {.classes = classes, .image_size = 64}, seed);
    save_model(path_, *model, card_of(arch, classes));
    return model;
  }

  /// Rewrites the file after `change` of its tensors and metadata.
  void edit(const std::function<void(NamedTensors&, std::map<std::string, std::string>&)>& change) {
    NamedTensors tensors;
    std::map<std::string, std::string> metadata;
    {
      const SafetensorsFile file(path_);
      for (const auto& [name, entry] : file.tensors()) tensors.emplace_back(name, read_tensor(file, name));
      metadata = file.metadata();
    }
    change(tensors, metadata);
    write_tensors(path_, tensors, metadata);
  }

  std::string load_error() {
    return error_of<InputError>([&] { load_model(path_); });
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.safetensors";
};

TEST_F(ModelFile, RoundTripKeepsWeightsAndCard) {
  for (const char* arch :
       {"resnet50+bl+sk+aa3+w8", "resnet50+d+se+gem+emb8+w8", "resnet50+flatten+w8", "mobilenet_v1+se+w8"}) {
    const Classifier saved = save(arch, 7);
    ModelCard card;
    const Classifier loaded = load_model(path_, &card);
    EXPECT_FALSE(loaded->is_training());
    EXPECT_EQ(card.arch, saved->arch().str());
    EXPECT_EQ(card.class_names, card_of(arch, 7).class_names);
    EXPECT_EQ(card.preprocessing, card_of(arch, 7).preprocessing);
    EXPECT_EQ(card.loss, LossType::kSigmoid);
    EXPECT_EQ(card.training, card_of(arch, 7).training);
    saved->eval();
    const torch::NoGradGuard no_grad;
    const torch::Tensor images = torch::randn({2, 3, 64, 64});
    EXPECT_TRUE(saved->forward(images).equal(loaded->forward(images))) << arch;
  }
}

TEST_F(ModelFile, HoldsRowMajorF32WithTheNetworksNames) {
  const Classifier model = save("resnet50+w8", 5);
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.tensors().size(), model->named_state().size());
  EXPECT_EQ(file.metadata().at("format"), "assemble");
  EXPECT_EQ(file.metadata().at("format_version"), "1");
  EXPECT_EQ(file.metadata().at("arch"), "resnet50+w8");
  const torch::Tensor weight = model->named_parameters()["layer1.0.conv2.weight"].detach().contiguous();
  const std::vector<float> stored = file.read_f32("layer1.0.conv2.weight");
  EXPECT_TRUE(torch::tensor(stored).equal(weight.flatten()));
}

TEST_F(ModelFile, RefusesClassNamesThatDoNotFit) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 5});
  EXPECT_THAT(error_of<UsageError>([&] { save_model(path_, *model, card_of("resnet50+w8", 4)); }),
              HasSubstr("there are 4, but the network has 5 outputs"));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(ModelFile, ListsMissingUnexpectedAndMisshapedNames) {
  save("resnet50+w8", 5);
  edit([](NamedTensors& tensors, auto&) {
    for (auto& [name, tensor] : tensors) {
      if (name == "layer1.0.bn1.bias") name = "layer1.0.bn1.offset";
      if (name == "layer2.0.conv1.weight") tensor = tensor.slice(0, 0, 3);
      if (name == "layer2.1.bn1.bias") tensor = tensor.to(torch::kDouble);
    }
  });
  const std::string message = load_error();
  EXPECT_THAT(message, HasSubstr("1 missing: layer1.0.bn1.bias"));
  EXPECT_THAT(message, HasSubstr("1 unexpected: layer1.0.bn1.offset"));
  EXPECT_THAT(message,
              HasSubstr("2 mis-shaped: layer2.0.conv1.weight (F32 [3, 32, 1, 1], expected F32 [16, 32, 1, 1])"));
  EXPECT_THAT(message, HasSubstr("layer2.1.bn1.bias (F64 [16], expected F32 [16])"));
}

TEST_F(ModelFile, LongListsAreCut) {
  save("resnet50+w8", 5);
  edit([](NamedTensors& tensors, auto&) {
    std::erase_if(tensors, [](const auto& item) { return item.first.rfind("layer3.", 0) == 0; });
  });
  EXPECT_THAT(load_error(), HasSubstr("and 85 more"));
}

TEST_F(ModelFile, RefusesMetadataThatDoesNotFitTheWeights) {
  save("resnet50+w8", 5);
  edit([](NamedTensors&, auto& metadata) { metadata["class_names"] = R"(["a","b"])"; });
  EXPECT_THAT(load_error(), HasSubstr("expected 2 rows (one a class name)"));
  save("resnet50+w8", 5);
  edit([](NamedTensors&, auto& metadata) { metadata["arch"] = "resnet50+w4096"; });
  EXPECT_THAT(load_error(), HasSubstr("the width of resnet50+w4096"));
}

TEST_F(ModelFile, RefusesForeignAndDamagedMetadata) {
  const std::vector<std::pair<std::string, std::string>> changes{
      {"format", "pt"},       {"format_version", "9"}, {"arch", "resnet51"}, {"class_names", "{"},
      {"class_names", "[1]"}, {"preprocessing", "[]"}, {"loss", "hinge"},    {"training", "[]"}};
  for (const auto& [key, value] : changes) {
    save("resnet50+w8", 5);
    edit([&](NamedTensors&, auto& metadata) { metadata[key] = value; });
    EXPECT_THAT(load_error(), HasSubstr(path_.string())) << key << " = " << value;
    edit([&](NamedTensors&, auto& metadata) { metadata.erase(key); });
    EXPECT_THAT(load_error(), HasSubstr(concat("has no '", key, "' in its metadata"))) << key;
  }
}

TEST_F(ModelFile, CardIsReadWithoutTheWeights) {
  save("resnet50+w8", 5);
  edit([](NamedTensors& tensors, auto&) { tensors.clear(); });
  EXPECT_EQ(read_model_card(path_).classes(), 5);
}

TEST_F(ModelFile, FullDiskLeavesNothing) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 5});
  {
    const test::FileSizeLimit limit(100000);
    EXPECT_THROW(save_model(path_, *model, card_of("resnet50+w8", 5)), RunError);
  }
  EXPECT_TRUE(test::list_files(folder_.path()).empty());
}

TEST_F(ModelFile, ValuesThatAreNotFiniteAreNeitherWrittenNorRead) {
  const Classifier model = save("resnet50+w8", 3);
  const Bytes before = read_file(path_);
  model->named_buffers()["bn1.running_var"].fill_(NAN);
  EXPECT_THAT(error_of<RunError>([&] { save_model(path_, *model, card_of("resnet50+w8", 3)); }),
              HasSubstr("1 not finite: bn1.running_var"));
  EXPECT_EQ(read_file(path_), before);
  edit([](NamedTensors& tensors, auto&) {
    for (auto& [name, tensor] : tensors) {
      if (name == "layer1.0.conv1.weight") tensor.view({-1})[3] = INFINITY;
    }
  });
  EXPECT_THAT(load_error(), HasSubstr("1 not finite: layer1.0.conv1.weight"));
}

TEST_F(ModelFile, ALoadedNetworkKnowsItsLoss) {
  save("resnet50+w8", 3);
  EXPECT_TRUE(load_model(path_)->options().sigmoid_loss);
}

TEST_F(ModelFile, NamesTheClassThatIsNotUtf8) {
  ModelCard card = card_of("resnet50+w8", 2);
  card.class_names[1] = "caf\xe9";
  EXPECT_THAT(error_of<InputError>([&] { to_metadata(card); }), HasSubstr("class 1: its name"));
}

}  // namespace
}  // namespace assemble
