// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/network.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "assemble/core/error.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/retrieval.h"
#include "assemble/models/teacher.h"
#include "assemble/trace/arrays.h"
#include "drawn_data.h"
#include "matrices.h"

namespace assemble {
namespace {

LoaderOptions of_drawn_images(int64_t batch_size) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  return options;
}

TEST(BorrowedNetwork, PutsTheModeBackAfterAnError) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = dataset->classes()}, 1);
  model->named_parameters()["fc.bias"].detach().fill_(NAN);
  Loader loader(*dataset, of_drawn_images(32));
  model->train();
  const Outputs outputs{dataset->classes(), LossType::kSoftmax, "m"};
  const Network network = borrow_network(*model, torch::kCPU, Precision::kF32);
  EXPECT_EQ(evaluate(network, outputs, loader, "", NotFinite::kWrong).top1, 0);
  EXPECT_TRUE(model->is_training());
  EXPECT_THROW(evaluate(network, outputs, loader), RunError);
  const std::vector<float> pixels(48);
  const Classifier picky = make_classifier(Arch::parse("resnet50+bl+w8"), {.classes = 3}, 1);
  picky->train();
  EXPECT_THROW(borrow_network(*picky, torch::kCPU, Precision::kF32)({1, 4, 4, pixels.data()}), std::exception);
  EXPECT_TRUE(picky->is_training());
  EXPECT_THROW(model->multiply_adds(-1), std::exception);
  EXPECT_TRUE(model->is_training());
}

TEST(BorrowedEmbedder, GivesTheNetworksEmbeddings) {
  const Classifier model = make_classifier(Arch::parse("resnet50+emb5+w8"), {.classes = 3}, 1);
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  Loader loader(*dataset, of_drawn_images(7));
  const EmbeddedImages images = embed_images(borrow_embedder(*model, torch::kCPU, Precision::kF32), "m", loader);
  EXPECT_TRUE(model->is_training()) << "the mode is put back";
  ASSERT_EQ(images.embeddings.rows, dataset->size());
  ASSERT_EQ(images.embeddings.columns, 5);
  Batch batch;
  loader.start(0, 1);
  loader.next(batch);
  model->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor second = to_tensor(images.embeddings).narrow(0, 7, 7);
  EXPECT_TRUE(torch::allclose(second, model->embed(to_tensor(images_of(batch)))));
}

TEST(MakeNetwork, GivesTheNetworksLogits) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 3}, 1);
  const Network network = make_network(model, torch::kCPU, Precision::kF32);
  const std::vector<float> pixels = test::normal_values(2 * 32 * 32 * 3, 1);
  const Images images{2, 32, 32, pixels.data()};
  const Matrix logits = network(images);
  EXPECT_TRUE(model->is_training()) << "the mode is put back";
  model->eval();
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(test::same(logits, to_matrix(model->forward(to_tensor(images)))));
}

TEST(MakeTeacher, LogitsDoNotDependOnTheThreads) {
  const Classifier model = make_classifier(Arch::parse("resnet50+bl+sk+aa3+w8"), {.classes = 5}, 1);
  const std::vector<float> pixels = test::normal_values(11 * 64 * 64 * 3, 1);
  const Images images{11, 64, 64, pixels.data()};
  const int threads = torch::get_num_threads();
  const Matrix one = make_teacher(model, torch::kCPU, Precision::kF32, 1)(images);
  EXPECT_FALSE(model->is_training());
  EXPECT_TRUE(test::same(make_teacher(model, torch::kCPU, Precision::kF32, 3)(images), one));
  EXPECT_EQ(torch::get_num_threads(), threads);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(model->forward(to_tensor(images)), to_tensor(one), 1e-4, 1e-4));
}

}  // namespace
}  // namespace assemble
