// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/warm_start.h"

#include <gmock/gmock.h>

#include "assemble/convert/weight_export.h"
#include "assemble/core/error.h"
#include "assemble/models/model_file.h"
#include "assemble/models/tensor_file.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Classifier network(const char* arch, int64_t classes, uint64_t seed) {
  const Classifier model = make_classifier(Arch::parse(arch), {.classes = classes, .image_size = 64}, seed);
  model->eval();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(static_cast<int64_t>(seed));
  for (torch::Tensor& buffer : model->buffers()) {
    if (buffer.is_floating_point()) buffer.uniform_(0.5, 1.5);
  }
  return model;
}

/// Activations of a name's end: "/block_layer4".
torch::Tensor activations(const Classifier& model, const std::string& end) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(9);
  Endpoints endpoints;
  model->forward(torch::randn({2, 3, 64, 64}), endpoints);
  for (const auto& [name, tensor] : endpoints) {
    if (name.ends_with(end)) return tensor;
  }
  ADD_FAILURE() << end;
  return {};
}

class WarmStartTest : public testing::Test {
 protected:
  fs::path save(const Classifier& model) {
    ModelCard card;
    for (int64_t i = 0; i < model->options().classes; ++i) card.class_names.push_back(std::to_string(i));
    card.preprocessing = Preprocessing::from_type("imagenet_64");
    save_model(folder_ / "model.safetensors", *model, card);
    return folder_ / "model.safetensors";
  }

  test::TemporaryFolder folder_;
};

/// The network that a warm start across heads gives computes what its source does, as far as the pooling; with the
/// source's head put back on it, the same logits.
TEST_F(WarmStartTest, AcrossHeadsActivationsAreTheSourcesAsFarAsThePooling) {
  const Classifier source = network("resnet50+bl+sk+aa3+w8", 7, 1);
  const fs::path file = save(source);
  const Classifier target = network("resnet50+bl+sk+aa3+gem+emb16+w8", 3, 2);
  const torch::Tensor embedding = target->named_parameters()["embedding.weight"].clone();
  const WarmStart started = warm_start(*target, file);
  EXPECT_TRUE(activations(target, "/block_layer4").equal(activations(source, "/block_layer4")));
  EXPECT_TRUE(target->named_parameters()["embedding.weight"].equal(embedding));
  EXPECT_THAT(started.fresh, ElementsAre("embedding.weight", "embedding_bn.weight", "embedding_bn.bias", "fc.weight",
                                         "fc.bias", "embedding_bn.running_mean", "embedding_bn.running_var"));
  EXPECT_THAT(started.left, ElementsAre("fc.bias", "fc.weight"));
  EXPECT_EQ(started.taken, source->named_state().size() - 2);

  const Classifier plain = network("resnet50+bl+sk+aa3+w8", 7, 3);
  warm_start(*plain, file);
  const torch::NoGradGuard no_grad;
  plain->named_parameters()["fc.weight"].copy_(source->named_parameters()["fc.weight"]);
  plain->named_parameters()["fc.bias"].copy_(source->named_parameters()["fc.bias"]);
  EXPECT_TRUE(activations(plain, "/final_dense").equal(activations(source, "/final_dense")));
}

TEST_F(WarmStartTest, TheLastStrideAndFiltersMayDiffer) {
  const Classifier source = network("resnet50+bl+sk+aa3+w8", 7, 1);
  const fs::path file = save(source);
  const Classifier nodown = network("resnet50+bl+sk+aa3+gem+emb16+nodown+w8", 3, 2);
  warm_start(*nodown, file);
  EXPECT_TRUE(activations(nodown, "/merge3").equal(activations(source, "/merge3")));
  const Classifier unfiltered = network("resnet50+bl+sk+flatten+w8", 3, 2);
  EXPECT_THAT(warm_start(*unfiltered, file).notes,
              Contains("the file holds resnet50+bl+sk+aa3+w8, trained is resnet50+bl+sk+flatten+w8"));
  EXPECT_TRUE(unfiltered->named_parameters()["layer4.2.conv3.weight"].equal(
      source->named_parameters()["layer4.2.conv3.weight"]));
}

TEST_F(WarmStartTest, TheClassifierIsTakenWhereItIsToBeKept) {
  const Classifier source = network("resnet50+w8", 3, 1), target = network("resnet50+w8", 3, 2);
  const fs::path file = save(source);
  const WarmStart started = warm_start(*target, file, /*averages=*/false, /*keeps_classifier=*/true);
  EXPECT_THAT(started.fresh, testing::IsEmpty());
  EXPECT_THAT(started.left, testing::IsEmpty());
  EXPECT_THAT(started.text(), HasSubstr("new: nothing"));
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  EXPECT_TRUE(source->forward(images).equal(target->forward(images)));
  const Classifier other = network("resnet50+w8", 4, 2);
  EXPECT_THAT(error_of<InputError>([&] { warm_start(*other, file, false, true); }),
              HasSubstr("has no fc.weight of the network's shape"));
}

TEST_F(WarmStartTest, AnEmbeddingThatFitsIsTaken) {
  const Classifier source = network("resnet50+gem+emb8+w8", 7, 1);
  const fs::path file = save(source);
  const Classifier target = network("resnet50+gem+emb8+w8", 3, 2);
  EXPECT_THAT(warm_start(*target, file).fresh, ElementsAre("fc.weight", "fc.bias"));
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  EXPECT_TRUE(source->embed(images).equal(target->embed(images)));
  const Classifier without = network("resnet50+w8", 3, 2);
  EXPECT_THAT(warm_start(*without, file).left, Contains("embedding.weight"));
}

TEST_F(WarmStartTest, FromACheckpointOfTensorFlowAndAFileOfPyTorch) {
  const Classifier source = network("resnet50+d+sk+emb8+w8", 7, 1);
  export_weights(folder_ / "model.ckpt-3", *source, ExportTarget::kTensorFlow, {.global_step = 3});
  const Classifier target = network("resnet50+d+sk+gem+w8", 3, 2);
  const WarmStart started = warm_start(*target, folder_ / "model.ckpt-3");
  EXPECT_TRUE(activations(target, "/block_layer4").equal(activations(source, "/block_layer4")));
  EXPECT_THAT(started.fresh, ElementsAre("fc.weight", "fc.bias"));
  EXPECT_THAT(started.left, Contains("resnet_model/embedding_dense/kernel"));

  const Classifier theirs = network("resnet50+w8+timm", 7, 1);
  export_weights(folder_ / "model.pth", *theirs, ExportTarget::kTorchvision, {});
  const Classifier emb = network("resnet50+gem+emb8+w8+timm", 3, 2);
  warm_start(*emb, folder_ / "model.pth");
  EXPECT_TRUE(activations(emb, "/block_layer4").equal(activations(theirs, "/block_layer4")));
}

TEST_F(WarmStartTest, AnotherBackboneIsAnErrorThatNamesBoth) {
  const fs::path file = save(network("resnet50+w8", 5, 1));
  for (const char* arch : {"resnet50+d+w8", "resnet50+w8+timm", "resnet50+w4", "resnet101+w8", "resnet50+se+w8"}) {
    const Classifier target = network(arch, 5, 2);
    const std::string message = error_of<InputError>([&] { warm_start(*target, file); });
    EXPECT_THAT(message, HasSubstr("holds the network resnet50+w8, but "));
    EXPECT_THAT(message, HasSubstr(Arch::parse(arch).str()));
  }
  const Classifier source = network("resnet50+d+w8", 5, 1);
  export_weights(folder_ / "model.ckpt-1", *source, ExportTarget::kTensorFlow, {});
  const Classifier target = network("resnet50+d+se+w8", 5, 2);
  const std::string message = error_of<InputError>([&] { warm_start(*target, folder_ / "model.ckpt-1"); });
  EXPECT_THAT(message, HasSubstr("looks like the network resnet50+d+w8, but resnet50+d+se+w8 is to be trained"));
  EXPECT_THAT(message, HasSubstr("missing: resnet_model/se_block/"));
}

TEST_F(WarmStartTest, ANetworkThatComputesNothingIsAnError) {
  const Classifier source = network("resnet50+d+w8", 5, 1);
  {
    const torch::NoGradGuard no_grad;
    source->named_parameters()["layer1.0.conv1.weight"].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  write_tensors(folder_ / "weights.safetensors", source->named_state(), {});
  const Classifier target = network("resnet50+d+w8", 5, 2);
  EXPECT_THAT(error_of<InputError>([&] { warm_start(*target, folder_ / "weights.safetensors"); }),
              HasSubstr("layer1.0.conv1.weight"));
}

}  // namespace
}  // namespace assemble
