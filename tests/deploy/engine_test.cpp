// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "assemble/core/error.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/trace/trace.h"
#include "engines.h"
#include "lively_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

// Commands keep compiled models in the user's cache: the tests have one of their own.
const int kOwnCache = setenv("XDG_CACHE_HOME", ASSEMBLE_BUILD_DIR "/test-cache", 1);

double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

class EveryArch : public testing::TestWithParam<NetworkCase> {
 protected:
  /// Large enough that f32 rounding in a network of random weights stays small.
  Classifier model_ = lively_network(GetParam().arch, 7, GetParam().size);
  torch::Tensor images_ = torch::randn({3, 3, GetParam().size, GetParam().size});
  Graph graph_ = optimise(trace(*model_, GetParam().size));
  torch::Tensor expected() {
    const torch::NoGradGuard no_grad;
    model_->to(torch::kDouble);
    return model_->forward(images_.to(torch::kDouble)).to(torch::kFloat);
  }
};

TEST_P(EveryArch, EnginesGiveTheLogitsOfTheNetwork) {
  const torch::Tensor wanted = expected();
  for (const EngineKind kind : test::engines()) {
    const auto engine = make_engine(graph_, {.kind = kind, .batch = 2});
    EXPECT_LT(relative_difference(engine->run(images_), wanted), 1e-4) << engine->description();
  }
}

INSTANTIATE_TEST_SUITE_P(Arches, EveryArch, testing::ValuesIn(every_kind_of_network()));

class Engines : public testing::Test {
 protected:
  static ModelCard card_of(const Classifier& model, int size) {
    ModelCard card;
    card.arch = model->arch();
    card.class_names = {"a", "b", "c"};
    card.preprocessing = Preprocessing::from_type(concat("imagenet_", size));
    return card;
  }
  test::TemporaryFolder folder_;
  Classifier model_ = lively_network("resnet50+sk+w8", 3, 32);
  ModelCard card_ = card_of(model_, 32);
  fs::path file_ = folder_ / "model.safetensors";
  torch::Tensor images_ = torch::randn({11, 3, 32, 32});
  void SetUp() override { save_model(file_, *model_, card_); }
};

TEST_F(Engines, BatchesAreCutAndFilled) {
  const Graph graph = optimise(trace(*model_, 32));
  for (const EngineKind kind : test::engines()) {
    const torch::Tensor one = make_engine(graph, {.kind = kind, .batch = 1})->run(images_);
    for (const int64_t batch : {4, 8, 11, 16}) {
      const auto engine = make_engine(graph, {.kind = kind, .batch = batch, .threads = 2});
      EXPECT_LT(relative_difference(engine->run(images_), one), 1e-5) << engine->description();
    }
  }
}

TEST_F(Engines, TheHintChoosesStreams) {
  ASSEMBLE_NEEDS_OPENVINO();
  struct Case {
    const char* hint;
    int64_t batch;
    int threads;
    const char* streams;
  };
  const Graph graph = optimise(trace(*model_, 32));
  const torch::Tensor wanted = make_engine(graph, {.batch = 1})->run(images_);
  for (const Case& c :
       {Case{"auto", 1, 2, "1 stream"}, Case{"auto", 3, 2, "1 stream"}, Case{"auto", 8, 2, "2 streams"},
        Case{"auto", 8, 16, "4 streams"}, Case{"throughput", 1, 2, "1 stream"}, Case{"throughput", 3, 2, "2 streams"},
        Case{"throughput", 8, 16, "8 streams"}, Case{"latency", 8, 2, "1 stream"}}) {
    const auto engine = make_engine(graph, {.batch = c.batch, .threads = c.threads, .hint = parse_engine_hint(c.hint)});
    EXPECT_THAT(engine->description(), testing::EndsWith(concat(", ", c.streams))) << c.hint << ", batch " << c.batch;
    EXPECT_LT(relative_difference(engine->run(images_), wanted), 1e-5) << c.hint << ", batch " << c.batch;
  }
  EXPECT_THROW(parse_engine_hint("fast"), UsageError);
}

TEST_F(Engines, ABuildWithoutOpenvinoSaysSo) {
  if (test::has_openvino()) GTEST_SKIP() << "this build has OpenVINO";
  try {
    open_engine(file_, {.kind = EngineKind::kOpenvino});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("this build has no OpenVINO"));
    EXPECT_THAT(error.what(), HasSubstr("--engine torch"));
  }
}

TEST_F(Engines, OpensModelFilesAndOnnxFiles) {
  ASSEMBLE_NEEDS_OPENVINO();
  const auto from_file = open_engine(file_, {});
  const Graph graph = optimise(trace(*model_, 32));
  const fs::path onnx = folder_ / "model.onnx";
  write_file(onnx, serialise(to_onnx(graph, to_metadata(card_, EnginePrecision::kF32))));
  const auto from_onnx = open_engine(onnx, {});
  EXPECT_EQ(from_onnx.card.class_names, card_.class_names);
  EXPECT_EQ(from_onnx.card.preprocessing, card_.preprocessing);
  EXPECT_EQ(from_onnx.card.arch, card_.arch);
  EXPECT_LT(relative_difference(from_onnx.engine->run(images_), from_file.engine->run(images_)), 1e-6);
}

TEST_F(Engines, CompiledModelsAreKept) {
  ASSEMBLE_NEEDS_OPENVINO();
  const EngineOptions options{.cache = folder_ / "cache"};
  const torch::Tensor first = open_engine(file_, options).engine->run(images_);
  std::vector<fs::path> kept;
  for (const auto& entry : fs::directory_iterator(options.cache)) kept.push_back(entry.path());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_TRUE(torch::equal(open_engine(file_, options).engine->run(images_), first));

  // Damaged at its beginning, in its middle or cut off: compiled anew and written again.
  const auto size = fs::file_size(kept[0]);
  for (const uintmax_t place : {uintmax_t{1000}, size / 2, size}) {
    if (place == size) {
      fs::resize_file(kept[0], size - 1);
    } else {
      std::fstream stream(kept[0], std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(place));
      stream.write("damaged", 7);
    }
    testing::internal::CaptureStderr();
    EXPECT_TRUE(torch::equal(open_engine(file_, options).engine->run(images_), first));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is damaged: compiling anew")) << place;
    testing::internal::CaptureStderr();
    open_engine(file_, options);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(fs::file_size(kept[0]), size);
  }
}

TEST_F(Engines, ACacheThatCannotBeWrittenIsAWarning) {
  ASSEMBLE_NEEDS_OPENVINO();
  write_file(folder_ / "file", std::string_view("no folder"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(open_engine(file_, {.cache = folder_ / "file"}).engine->run(images_).size(0), 11);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the compiled model is not kept"));
}

TEST_F(Engines, AnotherModelOfTheSameNameIsNotTakenFromTheCache) {
  ASSEMBLE_NEEDS_OPENVINO();
  const EngineOptions options{.cache = folder_ / "cache"};
  const torch::Tensor first = open_engine(file_, options).engine->run(images_);
  model_ = lively_network("resnet50+d+sk+w8", 3, 32);
  card_ = card_of(model_, 32);
  save_model(file_, *model_, card_);
  EXPECT_FALSE(torch::allclose(open_engine(file_, options).engine->run(images_), first));
}

TEST_F(Engines, CompiledModelsAreFoundByContentNotByNameOrTime) {
  ASSEMBLE_NEEDS_OPENVINO();
  const EngineOptions options{.cache = folder_ / "cache"};
  const auto files = [&] { return std::distance(fs::directory_iterator(options.cache), fs::directory_iterator()); };
  const torch::Tensor first = open_engine(file_, options).engine->run(images_);
  const auto time = fs::last_write_time(file_);
  const auto size = fs::file_size(file_);

  const fs::path copy = folder_ / "copy.safetensors";
  fs::copy_file(file_, copy);
  EXPECT_TRUE(torch::equal(open_engine(copy, options).engine->run(images_), first));
  EXPECT_EQ(files(), 1);

  {
    const torch::NoGradGuard no_grad;
    model_->named_parameters()["fc.bias"] += 50;
  }
  save_model(file_, *model_, card_);
  fs::last_write_time(file_, time);
  ASSERT_EQ(fs::file_size(file_), size);
  EXPECT_TRUE(torch::allclose(open_engine(file_, options).engine->run(images_), first + 50, 1e-4, 1e-3));
  EXPECT_EQ(files(), 2);
}

TEST_F(Engines, ImagesOfAnotherShapeAreRefused) {
  const Graph graph = optimise(trace(*model_, 32));
  const Graph of_pixels = with_preprocessing(graph, card_.preprocessing);
  for (const EngineKind kind : test::engines()) {
    const auto engine = make_engine(graph, {.kind = kind, .batch = 4});
    for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
             {2, 3, 32, 31}, {2, 3, 16, 32}, {2, 3, 64, 64}, {2, 1, 32, 32}, {2, 32, 32, 3}, {3, 32, 32}, {}}) {
      const std::string error = test::error_of<UsageError>([&] { engine->run(torch::zeros(shape)); });
      EXPECT_THAT(error, HasSubstr("the network takes [N, 3, 32, 32] of Float")) << shape.size();
    }
    EXPECT_THROW(engine->run(torch::Tensor()), UsageError);
    EXPECT_EQ(engine->run(images_).size(0), 11) << "and it still runs";

    const auto pixels = make_engine(of_pixels, {.kind = kind, .batch = 4});
    EXPECT_THROW(pixels->run(torch::zeros({2, 32, 31, 3}, torch::kByte)), UsageError);
    EXPECT_THROW(pixels->run(torch::zeros({2, 3, 32, 32}, torch::kByte)), UsageError);
    const torch::Tensor bytes = torch::randint(0, 256, {2, 32, 32, 3}, torch::kByte);
    const torch::Tensor planes = bytes.permute({0, 3, 1, 2}).to(torch::kFloat);
    EXPECT_TRUE(torch::equal(pixels->run(planes), pixels->run(bytes))) << pixels->description();
    for (const EngineOptions& options :
         {EngineOptions{.kind = kind, .batch = 0}, EngineOptions{.kind = kind, .batch = -1},
          EngineOptions{.kind = kind, .threads = -1}}) {
      EXPECT_THROW(make_engine(graph, options), UsageError);
    }
  }
}

TEST_F(Engines, SayWhatCannotBeRun) {
  const auto message = [](auto&& work) -> std::string {
    try {
      work();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message([&] { open_engine(file_, {.precision = EnginePrecision::kInt8}); }),
              HasSubstr("assemble export --int8"));
  const fs::path broken = folder_ / "broken.onnx";
  write_file(broken, std::string_view("this is no model"));
  EXPECT_THAT(message([&] { open_engine(broken, {}); }), HasSubstr("broken.onnx: is a text, expected an ONNX model"));
  const std::string whole = serialise(to_onnx(optimise(trace(*model_, 32)), to_metadata(card_, EnginePrecision::kF32)));
  write_file(broken, std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_THAT(message([&] { open_engine(broken, {}); }), HasSubstr("broken.onnx"));
  write_file(broken, serialise(to_onnx(trace(*model_, 32))));
  EXPECT_THAT(message([&] { open_engine(broken, {}); }), HasSubstr("has no 'arch' in its metadata"));
  write_file(broken, whole);
  EXPECT_THAT(message([&] { open_engine(broken, {.kind = EngineKind::kTorch}); }), HasSubstr("engine torch"));
  EXPECT_THAT(message([&] { open_engine(broken, {.image_size = 64}); }), HasSubstr("--image-size 64"));
}

/// Runs python with onnx.checker and ONNX Runtime on what the exporter writes.
TEST(OnnxFiles, PassTheCheckerAndRunInOnnxRuntime) {
  const char* python = std::getenv("ASSEMBLE_ONNX_PYTHON");
  if (!python) GTEST_SKIP() << "ASSEMBLE_ONNX_PYTHON names no Python with onnx and onnxruntime";
  const test::TemporaryFolder folder;
  int number = 0;
  for (const char* arch :
       {"resnet50+w8", "resnet50+d+se+w8", "resnet50+bl+sk+aa3+w8", "resnet50+aa5(proj,sconv)+gem+w8",
        "resnet50+aa1+w8", "resnet50+flatten+emb16+nodown+w8", "resnet50+d+se+timm+w8", "mobilenet_v1+se2+w8"}) {
    const Classifier model = lively_network(arch, 7, 64);
    const torch::Tensor images = torch::randn({2, 3, 64, 64});
    const Graph graph = optimise(trace(*model, 64));
    for (const bool int8 : {false, true}) {
      const Graph written = int8 ? quantise(graph, {images}, {}).graph : graph;
      const torch::Tensor logits =
          make_engine(written, {.kind = default_engine(torch::kCPU),
                                .precision = int8 ? EnginePrecision::kInt8 : EnginePrecision::kF32,
                                .batch = 2})
              ->run(images);
      const std::string stem = concat(number++, int8 ? "_int8" : "_f32");
      write_file(folder / (stem + ".onnx"), serialise(to_onnx(written)));
      const auto raw = [&](const char* ending, const torch::Tensor& tensor) {
        const torch::Tensor whole = tensor.contiguous();
        write_file(folder / (stem + ending), std::span(reinterpret_cast<const uint8_t*>(whole.data_ptr<float>()),
                                                       static_cast<size_t>(whole.nbytes())));
      };
      raw(".images", images);
      raw(".logits", logits);
    }
  }
  const std::string command = concat(python, " ", ASSEMBLE_SOURCE_DIR, "/tests/onnx_check.py ", (folder / "").string());
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace assemble
