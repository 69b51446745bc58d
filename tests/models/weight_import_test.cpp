// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/weight_import.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/models/infer_arch.h"
#include "assemble/models/tensor_file.h"
#include "assemble/models/tf_names.h"
#include "assemble/models/weight_export.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Shapes tf_shapes(const ClassifierImpl& model) {
  const auto state = model.named_state();
  const std::map<std::string, torch::Tensor> parameters(state.begin(), state.end());
  Shapes shapes;
  for (const TfVariable& variable : tf_variables(model.arch())) {
    shapes[variable.tf_name] = tf_shape(parameters.at(variable.name).sizes().vec(), variable.layout);
  }
  return shapes;
}

Shapes torch_shapes(const ClassifierImpl& model) {
  Shapes shapes;
  for (const auto& [name, tensor] : model.named_state()) shapes[name] = tensor.sizes().vec();
  return shapes;
}

TEST(InferArch, OfTensorFlowVariables) {
  for (const char* text :
       {"resnet50+w4", "resnet101+d+w6", "resnet152+se+w8", "resnet200+d+sk+w2", "resnet50+se4+emb3+w16",
        "resnet50+d+flatten+w2", "resnet50+bl+w8", "resnet50+bl(4,2)+se2+w8", "resnet101+d+bl+sk+w4",
        "resnet152+bl(1,2)+sk+emb5+w3", "resnet101+bl(3,1)+w9", "resnet50", "resnet152+bl(1,2)+sk"}) {
    const Arch arch = Arch::parse(text);
    const Classifier model = make_empty_classifier(arch, {.classes = 7, .image_size = 64});
    const InferredArch inferred = infer_tf_arch(tf_shapes(*model), "here");
    EXPECT_EQ(inferred.arch.str(), arch.str());
    EXPECT_THAT(inferred.assumptions, Contains(HasSubstr("aaN")));
    const HeadSize head = infer_head(tf_shapes(*model), arch, WeightFormat::kTensorFlow, "here");
    EXPECT_EQ(head.classes, 7);
    EXPECT_EQ(head.image_size, arch.pool == PoolType::kFlatten ? 64 : 0);
  }
}

TEST(InferArch, OfTorchParameters) {
  for (const char* text : {"resnet50+timm", "resnet101+d+w6+timm", "resnet152+d+se+w8+timm", "resnet200+se4+w4+timm",
                           "resnet50+d+sk+w4", "resnet50+emb3+w4"}) {
    const Arch arch = Arch::parse(text);
    const Classifier model = make_empty_classifier(arch, {.classes = 7});
    EXPECT_EQ(infer_torch_arch(torch_shapes(*model), "here").arch.str(), arch.str());
  }
}

TEST(InferArch, OtherNetworksAreErrorsThatSayWhatIsAbsent) {
  EXPECT_THAT(error_of<InputError>([] {
                infer_tf_arch({{"dense/kernel", {3, 2}}}, "here");
              }),
              HasSubstr("here: its arch cannot be told from the weights: there is no variable 'resnet_model/conv2d"));
  EXPECT_THAT(error_of<InputError>([] {
                infer_torch_arch({{"conv1.weight", {64, 3, 7, 7}}}, "here");
              }),
              HasSubstr("bottleneck blocks"));
  Shapes deep = torch_shapes(*make_empty_classifier(Arch::parse("resnet50+d+w4+timm"), {.classes = 3}));
  deep["layer1.0.downsample.0.weight"] = {16, 4, 1, 1};
  EXPECT_THAT(error_of<InputError>([&] { infer_torch_arch(deep, "here"); }), HasSubstr("timm's c"));
  Shapes huge{{"resnet_model/conv2d/kernel", {7, 7, 3, int64_t{1} << 50}}};
  EXPECT_THAT(error_of<InputError>([&] { infer_tf_arch(huge, "here"); }), HasSubstr("has the extent"));
}

/// A checkpoint with what training leaves beside the weights.
class TfImport : public testing::Test {
 protected:
  TfImport() {
    const auto state = model_->named_state();
    const std::map<std::string, torch::Tensor> parameters(state.begin(), state.end());
    for (const TfVariable& variable : tf_variables(model_->arch())) {
      tensors_.emplace_back(variable.tf_name, to_tf(parameters.at(variable.name).detach(), variable.layout));
    }
    add("global_step", torch::tensor(12, torch::kInt64));
  }

  void add(const std::string& name, const torch::Tensor& tensor) { tensors_.emplace_back(name, tensor); }

  void remove(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& item) { return item.first == name; });
  }

  ImportedModel convert(ImportOptions options = {}) {
    std::vector<torch::Tensor> kept;
    std::vector<TfTensorView> views;
    for (const TensorView& view : view_tensors(tensors_, kept)) {
      const TfDataType type = view.type == DataType::kI64 ? TfDataType::kInt64 : TfDataType::kFloat;
      views.push_back({view.name, type, view.shape, view.bytes});
    }
    write_tf_checkpoint(folder_ / "model.ckpt", views);
    return import_weights(*open_weights(folder_ / "model.ckpt"), options);
  }

  test::TemporaryFolder folder_;
  const Classifier model_ = make_classifier(Arch::parse("resnet50+d+se+w4"), {.classes = 3}, 5);
  NamedTensors tensors_;
};

TEST_F(TfImport, WeightsArriveAndTheStepIsReported) {
  const ImportedModel imported = convert();
  EXPECT_EQ(imported.model->arch(), model_->arch());
  EXPECT_EQ(imported.report.global_step, 12);
  EXPECT_FALSE(imported.model->is_training());
  const auto expected = model_->named_state(), actual = imported.model->named_state();
  ASSERT_EQ(actual.size(), expected.size());
  EXPECT_EQ(imported.report.loaded, expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_TRUE(torch::equal(actual[i].second, expected[i].second)) << actual[i].first;
  }
}

TEST_F(TfImport, OptimizerSlotsAreSetAside) {
  const NamedTensors variables = tensors_;
  for (const auto& [name, tensor] : variables) {
    if (name != "global_step") add(name + "/Momentum", torch::ones_like(tensor));
  }
  add("resnet_model/dense/kernel/LARSOptimizer", torch::ones({1}));
  add("beta1_power", torch::ones({}));
  const ImportReport report = convert().report;
  EXPECT_THAT(report.unexpected, IsEmpty());
  EXPECT_THAT(report.notes, Contains(HasSubstr("optimizer slots 'Momentum' were set aside")));
  EXPECT_THAT(report.notes, Contains("1 optimizer slots 'LARSOptimizer' were set aside"));
  EXPECT_THAT(report.notes, Contains("set aside: beta1_power"));
}

TEST_F(TfImport, MovingAveragesAreTakenWhenAskedFor) {
  add("resnet_model/dense/bias/ExponentialMovingAverage", torch::tensor({7.f, 8.f, 9.f}));
  const ImportedModel plain = convert();
  EXPECT_THAT(plain.report.notes, Contains(HasSubstr("1 moving averages were set aside; --ema")));
  EXPECT_FALSE(torch::equal(plain.model->named_parameters()["fc.bias"], torch::tensor({7.f, 8.f, 9.f})));
  const ImportedModel averaged = convert({.averages = true});
  EXPECT_TRUE(torch::equal(averaged.model->named_parameters()["fc.bias"], torch::tensor({7.f, 8.f, 9.f})));
  remove("resnet_model/dense/bias/ExponentialMovingAverage");
  EXPECT_THAT(error_of<InputError>([&] { convert({.averages = true}); }), HasSubstr("holds no moving averages"));
}

TEST_F(TfImport, WhatDoesNotFitIsListed) {
  remove("resnet_model/batch_normalization_3/gamma");
  remove("resnet_model/dense/bias");
  add("resnet_model/dense/bias", torch::zeros({4}));
  add("resnet_model/other/kernel", torch::zeros({1}));
  const std::string error = error_of<InputError>([&] { convert(); });
  EXPECT_THAT(error, HasSubstr("1 missing: resnet_model/batch_normalization_3/gamma"));
  EXPECT_THAT(error, HasSubstr("1 unexpected: resnet_model/other/kernel"));
  EXPECT_THAT(error, HasSubstr("1 mis-shaped: resnet_model/dense/bias ([4], expected [3])"));
  const ImportReport report = convert({.strict = false}).report;
  EXPECT_THAT(report.missing, ElementsAre("resnet_model/batch_normalization_3/gamma"));
  EXPECT_THAT(report.unexpected, ElementsAre("resnet_model/other/kernel"));
  EXPECT_THAT(report.misshaped, ElementsAre("resnet_model/dense/bias ([4], expected [3])"));
}

TEST_F(TfImport, AWrongArchSaysWhatItLooksLike) {
  EXPECT_THAT(error_of<InputError>([&] { convert({.arch = Arch::parse("resnet50+sk+w4")}); }),
              HasSubstr("they look like resnet50+d+se+w4"));
  EXPECT_THAT(error_of<InputError>([&] { convert({.arch = Arch::parse("resnet50+d+se")}); }),
              HasSubstr("has 128 inputs, but the pooling of resnet50+d+se gives 2048"));
  EXPECT_THAT(error_of<UsageError>([&] { convert({.arch = Arch::parse("mobilenet_v1+w4")}); }),
              HasSubstr("the original TensorFlow implementation has ResNets alone"));
}

TEST(TorchImport, LogitsAreThoseOfTimm) {
  const ImportedModel imported =
      import_weights(*open_weights(test::stored_golden("torch/timm_seresnet50d_w4.pth")), {});
  EXPECT_EQ(imported.model->arch().str(), "resnet50+d+se4+w4+timm");
  EXPECT_THAT(imported.report.notes, Contains(HasSubstr("counters of batches")));
  const SafetensorsFile io(test::stored_golden("torch/timm_seresnet50d_w4_io.safetensors"));
  const torch::NoGradGuard no_grad;
  const torch::Tensor logits = imported.model->forward(read_tensor(io, "input_nhwc").permute({0, 3, 1, 2}));
  const torch::Tensor expected = read_tensor(io, "logits");
  const double difference = ((logits - expected).abs().max() / expected.abs().max()).item<double>();
  EXPECT_LE(difference, 1e-5);
  // The original's network computes other numbers from the same weights.
  Arch original = imported.model->arch();
  original.timm = false;
  EXPECT_THAT(error_of<InputError>([&] {
                import_weights(*open_weights(test::stored_golden("torch/timm_seresnet50d_w4.pth")), {.arch = original});
              }),
              HasSubstr("32 unexpected: layer1.0.se.fc1.bias"));
}

/// Export of one network and import of what was written.
class TorchExport : public testing::TestWithParam<const char*> {};

TEST_P(TorchExport, ComesBack) {
  const test::TemporaryFolder folder;
  const Classifier model = make_classifier(Arch::parse("resnet50+d+se4+w4+timm"), {.classes = 3}, 2);
  {
    const torch::NoGradGuard no_grad;
    model->named_parameters()["layer2.0.se.fc1.bias"].fill_(0.5);
  }
  const fs::path path = folder / (std::string("model") + GetParam());
  EXPECT_THAT(export_weights(path, *model, ExportTarget::kTimm, {}), IsEmpty());
  const ImportedModel imported = import_weights(*open_weights(path), {});
  EXPECT_EQ(imported.model->arch(), model->arch());
  const auto expected = model->named_state(), actual = imported.model->named_state();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(torch::equal(actual[i].second, expected[i].second)) << actual[i].first;
  }
}

INSTANTIATE_TEST_SUITE_P(Endings, TorchExport, testing::Values(".safetensors", ".pth"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

TEST(WeightExport, NetworksThatTheTargetLacksAreRefused) {
  const test::TemporaryFolder folder;
  const auto refusal = [&](const char* arch, ExportTarget target) {
    const Classifier model = make_empty_classifier(Arch::parse(arch), {.classes = 3});
    return error_of<UsageError>([&] { export_weights(folder / "m.safetensors", *model, target, {}); });
  };
  EXPECT_THAT(refusal("resnet50+sk+w4", ExportTarget::kTimm), HasSubstr("timm has no such network"));
  EXPECT_THAT(refusal("resnet50+d+w4+timm", ExportTarget::kTorchvision), HasSubstr("torchvision has no such network"));
  EXPECT_THAT(refusal("resnet50+w4", ExportTarget::kTimm), HasSubstr("pads the max pooling on both sides"));
  EXPECT_THAT(refusal("resnet50+w4+timm", ExportTarget::kTensorFlow), HasSubstr("would compute other numbers"));
  EXPECT_THAT(refusal("mobilenet_v1+w4", ExportTarget::kTensorFlow), HasSubstr("has ResNets alone"));
  EXPECT_THAT(test::list_files(folder.path()), IsEmpty());
}

TEST(WeightExport, WithoutStrictTheDifferenceIsANoteAndBiasesAreZero) {
  const test::TemporaryFolder folder;
  const Classifier model = make_classifier(Arch::parse("resnet50+se4+w4"), {.classes = 3});
  const auto notes = export_weights(folder / "m.safetensors", *model, ExportTarget::kTimm, {.strict = false});
  EXPECT_THAT(notes, ElementsAre(HasSubstr("would compute other numbers")));
  const SafetensorsFile file(folder / "m.safetensors");
  EXPECT_EQ(read_tensor(file, "layer1.0.se.fc1.bias").count_nonzero().item<int64_t>(), 0);
  const ImportedModel back = import_weights(*open_weights(folder / "m.safetensors"), {.arch = model->arch()});
  EXPECT_THAT(back.report.notes, Contains(HasSubstr("32 biases of squeeze and excitation are all zero")));
}

}  // namespace
}  // namespace assemble
