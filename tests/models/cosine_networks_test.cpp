// SPDX-License-Identifier: Apache-2.0
// Networks whose classifier compares directions: what they compute is the same in the network, its graph, its model
// file and the engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/convert/warm_start.h"
#include "assemble/convert/weight_export.h"
#include "assemble/core/error.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/models/model_file.h"
#include "assemble/models/use_torch.h"
#include "assemble/trace/arrays.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::relative_difference;
using testing::HasSubstr;

constexpr double kScale = 20;
constexpr int64_t kSize = 64;

class CosineNetwork : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    use_torch();
    torch::manual_seed(1);
    const torch::NoGradGuard no_grad;
    // Of different contrast: of images that are all alike, the embedding's batch norm would make noise.
    images_ = torch::randn({16, 3, kSize, kSize}) * torch::linspace(0.3, 3, 16).view({16, 1, 1, 1});
    model_ = make_classifier(Arch::parse(GetParam()), {.classes = 7, .bn_momentum = 0, .cosine_scale = kScale}, 3);
    for (torch::Tensor& parameter : model_->parameters()) {
      if (parameter.size(0) == 7) parameter.mul_(torch::arange(1, 8).view({7, 1}));  // rows of any length
    }
    model_->train();
    model_->forward(images_);  // settles the batch norms
    model_->eval();
    logits_ = to_matrix(model_->forward(images_));
    embeddings_ = to_matrix(model_->embed(images_));
    card_.arch = GetParam();
    card_.loss = LossType::kArcFace;
    for (int c = 0; c < 7; ++c) card_.class_names.push_back(concat("class ", c));
    card_.preprocessing = Preprocessing::from_type(concat("imagenet_", kSize));
  }

  Images images() { return to_images(images_, kept_); }
  /// The logits of embeddings, by their definition.
  Matrix cosines(const Matrix& embeddings) const {
    const torch::Tensor rows = to_tensor(embeddings), weight = model_->named_parameters()["fc.weight"].detach();
    const torch::Tensor unit_weight = weight / weight.norm(2, 1, true);
    return to_matrix(kScale * torch::matmul(rows / rows.norm(2, 1, true), unit_weight.t()));
  }

  torch::Tensor images_, kept_;
  Classifier model_;
  Matrix logits_, embeddings_;
  ModelCard card_;
};

TEST_P(CosineNetwork, ComparesTheEmbeddingThatRetrievalSees) {
  EXPECT_LT(relative_difference(cosines(embeddings_), logits_), 1e-5);
  EXPECT_FALSE(model_->named_parameters().contains("fc.bias"));
}

TEST_P(CosineNetwork, GraphAndEnginesGiveItsLogitsAndEmbeddings) {
  const Graph graph = trace(*model_, kSize);
  EXPECT_LT(relative_difference(test::interpret(graph, images()), logits_), 1e-3);
  for (const EngineKind kind : test::engines()) {
    const EngineOptions options{.kind = kind, .batch = 4};
    EXPECT_LT(relative_difference(make_engine(optimise(graph), options)->run(images()), logits_), 1e-3);
    EXPECT_LT(relative_difference(make_engine(optimise(embedding_of(graph)), options)->run(images()), embeddings_),
              1e-3);
  }
}

TEST_P(CosineNetwork, TheModelFileHoldsIt) {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "model.safetensors";
  save_model(path, *model_, card_);
  ModelCard card;
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(test::same(to_matrix(load_model(path, &card)->forward(images_)), logits_));
  EXPECT_EQ(card.loss, LossType::kArcFace);
  EXPECT_EQ(card.cosine_scale, kScale);
  for (const EngineKind kind : test::engines()) {
    const EngineOptions options{.kind = kind, .batch = 4};
    EXPECT_LT(relative_difference(open_engine(path, options).engine->run(images()), logits_), 1e-3);
    EXPECT_LT(relative_difference(open_embedder(path, options).engine->run(images()), embeddings_), 1e-3);
  }
  EXPECT_GT(read_multiply_adds(path, kSize), 0) << "without reading weights";
}

TEST_P(CosineNetwork, OnnxFilesGiveEmbeddingsBesideLogits) {
  ASSEMBLE_NEEDS_OPENVINO();
  const test::TemporaryFolder folder;
  const Graph graph = with_embedding(trace(*model_, kSize));
  const QuantisedGraph quantised = quantise(pools_as_convolutions(optimise(graph)), {images()}, {});
  for (const bool int8 : {false, true}) {
    const fs::path path = folder / concat(int8, ".onnx");
    Metadata metadata = to_metadata(card_, int8 ? Precision::kInt8 : Precision::kF32);
    metadata["cosine_scale"] = "20";
    metadata["embedding_size"] = std::to_string(embeddings_.columns);
    write_file(path, serialise(to_onnx(int8 ? quantised.graph : optimise(graph), metadata)));
    const Matrix logits = open_engine(path, {.batch = 4}).engine->run(images());
    const Matrix embeddings = open_embedder(path, {.batch = 4}).engine->run(images());
    // In 8 bits the whole network rounds: what is looked at is that the classifier's logits are those of its
    // embeddings.
    EXPECT_LT(test::relative_error(logits, cosines(embeddings)), int8 ? 0.1 : 1e-4);
    if (int8) continue;
    EXPECT_LT(relative_difference(logits, logits_), 1e-3);
    EXPECT_LT(relative_difference(embeddings, embeddings_), 1e-3);
  }
}

TEST_P(CosineNetwork, StartsFromANetworkOfTheSoftmaxLossAndBack) {
  const test::TemporaryFolder folder;
  const Classifier softmax = make_classifier(model_->arch(), {.classes = 7}, 9);
  save_model(folder / "cosine.safetensors", *model_, card_);
  EXPECT_THAT(warm_start(*softmax, folder / "cosine.safetensors").fresh, testing::ElementsAre("fc.weight", "fc.bias"));
  card_.loss = LossType::kSoftmax;
  save_model(folder / "softmax.safetensors", *softmax, card_);
  const Classifier again = make_classifier(model_->arch(), {.classes = 4, .cosine_scale = 8}, 9);
  EXPECT_THAT(warm_start(*again, folder / "softmax.safetensors").fresh, testing::ElementsAre("fc.weight"));
  again->eval();
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(test::same(to_matrix(again->embed(images_)), embeddings_));
}

TEST_P(CosineNetwork, IsNotWrittenAsWhatItIsNot) {
  const test::TemporaryFolder folder;
  card_.loss = LossType::kSoftmax;
  EXPECT_THAT(test::error_of<UsageError>([&] { save_model(folder / "m.safetensors", *model_, card_); }),
              HasSubstr("loss softmax: is not that of the network's classifier"));
  EXPECT_THAT(test::error_of<UsageError>([&] { export_weights(folder / "m.pth", *model_, ExportTarget::kTimm, {}); }),
              HasSubstr("compares directions"));
}

INSTANTIATE_TEST_SUITE_P(Arches, CosineNetwork, testing::Values("resnet50+gem+emb16+w8", "mobilenet_v1+w8"));

}  // namespace
}  // namespace assemble
