// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/weight_import.h"

#include <gmock/gmock.h>

#include "assemble/convert/infer_arch.h"
#include "assemble/convert/tf_names.h"
#include "assemble/convert/weight_export.h"
#include "assemble/core/error.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/torch_archive.h"
#include "assemble/models/tensor_file.h"
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
    const HeadSize head = infer_head(tf_shapes(*model), arch, Naming::kOriginal, "here");
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
  EXPECT_THAT(plain.report.notes, Contains(HasSubstr("1 moving averages were set aside; `averages`")));
  EXPECT_FALSE(torch::equal(plain.model->named_parameters()["fc.bias"], torch::tensor({7.f, 8.f, 9.f})));
  const ImportedModel averaged = convert({.averages = true});
  EXPECT_TRUE(torch::equal(averaged.model->named_parameters()["fc.bias"], torch::tensor({7.f, 8.f, 9.f})));
  remove("resnet_model/dense/bias/ExponentialMovingAverage");
  EXPECT_THAT(error_of<InputError>([&] { convert({.averages = true}); }), HasSubstr("holds no moving averages"));
}

TEST_F(TfImport, NumbersOfOutputsInNamesAreDropped) {
  for (auto& [name, tensor] : tensors_) name += ":0";
  const ImportedModel imported = convert();
  EXPECT_EQ(imported.report.global_step, 12);
  EXPECT_THAT(imported.report.unexpected, IsEmpty());
  EXPECT_TRUE(torch::equal(imported.model->named_parameters()["fc.weight"], model_->named_parameters()["fc.weight"]));
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

/// A network's weights as others' trainers write them.
class ForeignState : public testing::Test {
 protected:
  NamedTensors named(const std::string& prefix, double shift = 0) const {
    NamedTensors tensors;
    for (const auto& [name, tensor] : model_->named_state())
      tensors.emplace_back(prefix + name, tensor.detach() + shift);
    return tensors;
  }

  fs::path write(const std::string& file, const NamedTensors& tensors) const {
    std::vector<torch::Tensor> kept;
    const std::vector<TensorView> views = view_tensors(tensors, kept);
    const fs::path path = folder_ / file;
    if (file.ends_with(".safetensors")) {
      write_safetensors(path, views, {{"format", "pt"}});
    } else {
      write_torch_archive(path, views);
    }
    return path;
  }

  /// Imports and holds every weight against the network's.
  ImportReport expect_weights(const fs::path& path, bool averages = false, double shift = 0) const {
    const ImportedModel imported = import_weights(*open_weights(path, averages), {.averages = averages});
    EXPECT_EQ(imported.model->arch(), model_->arch());
    const auto expected = model_->named_state(), actual = imported.model->named_state();
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(torch::equal(actual[i].second, expected[i].second + shift)) << path << ' ' << actual[i].first;
    }
    return imported.report;
  }

  test::TemporaryFolder folder_;
  const Classifier model_ = make_classifier(Arch::parse("resnet50+w2+timm"), {.classes = 3}, 3);
};

TEST_F(ForeignState, PrefixesOfWrappersAreTakenOffInEveryFormat) {
  for (const std::string prefix : {"module.", "_orig_mod.", "module._orig_mod.", "model."}) {
    for (const std::string file : {"m.safetensors", "m.pth", "m.ckpt"}) {
      const ImportReport report = expect_weights(write(file, named(prefix)));
      EXPECT_THAT(report.notes, Contains(HasSubstr(prefix.substr(0, prefix.find('.')))));
    }
  }
}

TEST_F(ForeignState, LightningsCheckpointsAreReadWhateverTheirName) {
  NamedTensors tensors = named("state_dict.model.");
  tensors.emplace_back("callbacks.best", torch::ones({}));
  tensors.emplace_back("state_dict.criterion.weight", torch::ones({3}));
  for (const char* file : {"epoch=1.ckpt", "renamed.pth", "noending"}) {
    const ImportReport report = expect_weights(write(file, tensors));
    EXPECT_THAT(report.notes, Contains("read from 'state_dict.model'"));
    EXPECT_THAT(report.notes, Contains("set aside: callbacks, state_dict.criterion"));
  }
}

TEST_F(ForeignState, AveragedModelsAreTakenWhenAskedFor) {
  NamedTensors tensors = named("model.");
  const NamedTensors averages = named("model_ema.module.", 0.25);
  tensors.insert(tensors.end(), averages.begin(), averages.end());
  tensors.emplace_back("model_ema.n_averaged", torch::tensor(12, torch::kInt64));
  const fs::path path = write("m.pth", tensors);
  expect_weights(path);
  expect_weights(path, /*averages=*/true, 0.25);
  NamedTensors alone = named("module.");
  alone.emplace_back("n_averaged", torch::tensor(12, torch::kInt64));
  EXPECT_THAT(expect_weights(write("alone.pth", alone)).notes, Contains("set aside: n_averaged"));
  const fs::path plain = write("plain.safetensors", named(""));
  EXPECT_THAT(error_of<InputError>([&] { open_weights(plain, true); }), HasSubstr("holds no averaged weights"));
}

TEST_F(ForeignState, HalvesAndDoublesAreWidenedExactly) {
  for (const torch::ScalarType type : {torch::kFloat16, torch::kBFloat16, torch::kFloat64}) {
    NamedTensors tensors = named("");
    for (auto& [name, tensor] : tensors) tensor = tensor.to(type);
    const ImportedModel imported = import_weights(*open_weights(write("m.pth", tensors)), {});
    EXPECT_TRUE(torch::equal(imported.model->named_parameters()["fc.weight"],
                             model_->named_parameters()["fc.weight"].to(type).to(torch::kFloat32)));
  }
}

TEST_F(ForeignState, ShardsAreReadThroughTheirIndex) {
  const NamedTensors tensors = named("");
  const auto half = tensors.begin() + 40;
  write("a.safetensors", {tensors.begin(), half});
  write("b.safetensors", {half, tensors.end()});
  const fs::path index = folder_ / "model.safetensors.index.json";
  write_file(index, std::string_view(R"({"weight_map":{"conv1.weight":"a.safetensors","fc.bias":"b.safetensors"}})"));
  expect_weights(index);
  fs::remove(folder_ / "b.safetensors");
  EXPECT_THAT(error_of<InputError>([&] { open_weights(index); }), HasSubstr("b.safetensors"));
}

TEST_F(ForeignState, WhatIsNoWeightsIsNamed) {
  const auto opening_error = [&](const fs::path& path) { return error_of<InputError>([&] { open_weights(path); }); };
  const fs::path page = folder_ / "resnet50.pth";
  write_file(page, std::string_view("<!DOCTYPE html><html>Sign in</html>"));
  EXPECT_THAT(opening_error(page), HasSubstr("resnet50.pth: is a web page (HTML), expected weights (the download got"));
  write_file(page, std::string_view("\1\2\3\4"));
  EXPECT_THAT(opening_error(page), HasSubstr("is no file of weights of any known kind"));
  EXPECT_THAT(opening_error(test::stored_golden("torch/module.pth")),
              HasSubstr("holds no dictionary of tensors: a module of torch.nn.modules.linear.Linear (in Python"));
  EXPECT_THAT(opening_error(test::stored_golden("torch/unreadable.pth")),
              HasSubstr("tensor 'complex': is a tensor of torch.ComplexFloatStorage, which is not supported"));
  EXPECT_THAT(opening_error(folder_ / "absent.pth"), HasSubstr("absent.pth: does not exist"));
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
