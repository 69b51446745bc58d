// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "assemble/core/error.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::relative_difference;
using test::SmallNetwork;
using testing::HasSubstr;

class Engines : public testing::Test {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    network_.save(file_);
  }
  Matrix run(const fs::path& model, const EngineOptions& options = {}) const {
    return open_engine(model, options).engine->run(images_.view());
  }
  Graph optimised() { return optimise(network_.graph()); }
  std::string onnx() { return serialise(to_onnx(optimised(), to_metadata(network_.card(), Precision::kF32))); }

  test::TemporaryFolder folder_;
  SmallNetwork network_;
  fs::path file_ = folder_ / "model.safetensors";
  RandomImages images_{11, 32, 1};
};

TEST_F(Engines, GiveTheLogitsOfTheGraph) {
  for (const test::SmallNetworkOptions& options :
       {test::SmallNetworkOptions{}, {.classes = 1, .side = 48, .gem = true}, {.embedding = 10, .seed = 3}}) {
    const Graph graph = SmallNetwork(options).graph();
    const RandomImages images(3, options.side, 1);
    const Matrix wanted = test::interpret(graph, images.view());
    for (const Graph& computed : {graph, optimise(graph)}) {
      const auto engine = make_engine(computed, {.batch = 2});
      EXPECT_LT(relative_difference(engine->run(images.view()), wanted), 1e-5) << engine->description();
      EXPECT_EQ(engine->image_size(), options.side);
    }
  }
}

TEST_F(Engines, BatchesAreCutAndFilled) {
  const Graph graph = optimised();
  const Matrix one = make_engine(graph, {.batch = 1})->run(images_.view());
  for (const int64_t batch : {4, 8, 11, 16}) {
    const auto engine = make_engine(graph, {.batch = batch, .threads = 2});
    EXPECT_LT(relative_difference(engine->run(images_.view()), one), 1e-5) << engine->description();
    EXPECT_TRUE(test::same(engine->run(images_.view().part(3, 3)), Matrix(0, 3))) << "of no images there are no logits";
  }
}

TEST_F(Engines, TheHintChoosesStreams) {
  struct Case {
    const char* hint;
    int64_t batch;
    int threads;
    const char* streams;
  };
  const Graph graph = optimised();
  const Matrix wanted = make_engine(graph, {.batch = 1})->run(images_.view());
  for (const Case& c :
       {Case{"auto", 1, 2, "1 stream"}, Case{"auto", 3, 2, "1 stream"}, Case{"auto", 8, 2, "2 streams"},
        Case{"auto", 8, 16, "4 streams"}, Case{"throughput", 1, 2, "1 stream"}, Case{"throughput", 3, 2, "2 streams"},
        Case{"throughput", 8, 16, "8 streams"}, Case{"latency", 8, 2, "1 stream"}}) {
    const auto engine =
        make_engine(graph, {.batch = c.batch, .threads = c.threads, .hint = kEngineHints.parse(c.hint)});
    EXPECT_THAT(engine->description(), testing::EndsWith(concat(", ", c.streams))) << c.hint << ", batch " << c.batch;
    EXPECT_LT(relative_difference(engine->run(images_.view()), wanted), 1e-5) << c.hint << ", batch " << c.batch;
  }
  EXPECT_THROW(kEngineHints.parse("fast"), UsageError);
}

TEST_F(Engines, OpenModelFilesAndOnnxFiles) {
  const auto from_file = open_engine(file_, {});
  const fs::path path = folder_ / "model.onnx";
  write_file(path, onnx());
  const auto from_onnx = open_engine(path, {});
  EXPECT_EQ(from_onnx.card.class_names, network_.card().class_names);
  EXPECT_EQ(from_onnx.card.preprocessing, network_.card().preprocessing);
  EXPECT_EQ(from_onnx.card.arch, "small");
  EXPECT_LT(relative_difference(from_onnx.engine->run(images_.view()), from_file.engine->run(images_.view())), 1e-6);
  EXPECT_LT(relative_difference(run(file_, {.plain = true}), run(file_)), 1e-5);
}

TEST_F(Engines, ClassNamesAreAsManyAsOutputs) {
  const fs::path onnx_file = folder_ / "model.onnx";
  for (const auto& names : std::vector<std::vector<std::string>>{{}, {"a"}, {"a", "b"}, {"a", "b", "c", "d", "e"}}) {
    ModelCard card = network_.card();
    card.class_names = names;
    network_.save(file_, card);
    write_file(onnx_file, serialise(to_onnx(with_embedding(network_.graph()), to_metadata(card, Precision::kF32))));
    for (const fs::path& path : {file_, onnx_file}) {
      EXPECT_THAT(error_of<InputError>([&] { open_engine(path, {}); }),
                  testing::AllOf(HasSubstr(concat(path.string(), " metadata 'class_names': names ", names.size())),
                                 HasSubstr("but the network has 3 outputs")));
    }
    EXPECT_THROW(open_embedder(file_, {}), InputError);
  }
}

TEST_F(Engines, SayHowManyOutputsTheyGive) {
  SmallNetwork network({.classes = 7, .embedding = 10});
  network.save(file_);
  for (const int64_t batch : {1, 4}) {
    EXPECT_EQ(open_engine(file_, {.batch = batch}).engine->outputs(), 7);
    EXPECT_EQ(open_embedder(file_, {.batch = batch}).engine->outputs(), 10);
  }
}

TEST_F(Engines, RefuseImagesThatAreNotFinite) {
  // OpenVINO's ReLU makes a zero of NaN, so that the logits are finite and mean nothing.
  std::vector<float> values(2 * 32 * 32 * 3, 1);
  const auto floats = make_engine(optimised(), {});
  const auto pixels = make_engine(with_preprocessing(optimised(), network_.card().preprocessing), {});
  for (const float odd : {std::nanf(""), INFINITY, -INFINITY}) {
    for (const size_t place : {size_t{0}, values.size() - 1}) {
      values[place] = odd;
      for (Engine* engine : {floats.get(), pixels.get()}) {
        EXPECT_THAT(error_of<UsageError>([&] {
                      engine->run({2, 32, 32, values.data()});
                    }),
                    HasSubstr("images: hold NaN or infinity"));
      }
      EXPECT_EQ(floats->run({place == 0 ? 0 : 1, 32, 32, values.data()}).rows, place == 0 ? 0 : 1);
      values[place] = 1;
    }
  }
}

TEST_F(Engines, WarnWhereUnsettledBatchNormsOverflow) {
  const auto warnings = [&](SmallNetwork network, const char* share) {
    ModelCard card = network.card();
    card.training["initial_statistics"] = share;
    network.save(file_, card);
    testing::internal::CaptureStderr();
    open_engine(file_, {});
    return testing::internal::GetCapturedStderr();
  };
  SmallNetwork growing;
  for (const char* norm : {"conv1_bn.weight", "layer1.conv1_bn.weight", "layer1.downsample_bn.weight"}) {
    for (float& value : growing.weight(norm)) value *= 1e20f;
  }
  EXPECT_THAT(warnings(growing, "0.97"), HasSubstr("model.safetensors: what it computes is infinite on the way"));
  EXPECT_THAT(warnings(growing, "0.97"), HasSubstr("by 97 % their initial values"));
  EXPECT_EQ(warnings(growing, "0.001"), "") << "nothing says that it may";
  EXPECT_EQ(warnings(SmallNetwork(), "0.97"), "");
}

TEST_F(Engines, TakeImagesOfAnotherSizeWhereTheNetworkDoes) {
  const RandomImages large(2, 64, 1);
  const auto opened = open_engine(file_, {.image_size = 64});
  EXPECT_EQ(opened.engine->image_size(), 64);
  const Matrix wanted = test::interpret(SmallNetwork({.side = 64}).graph(), large.view());
  EXPECT_LT(relative_difference(opened.engine->run(large.view()), wanted), 1e-5);
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(file_, {.image_size = 72}); }), HasSubstr("64 or 80"));
}

TEST_F(Engines, CompiledModelsAreKept) {
  const EngineOptions options{.cache = folder_ / "cache"};
  const Matrix first = run(file_, options);
  std::vector<fs::path> kept;
  for (const auto& entry : fs::directory_iterator(options.cache)) kept.push_back(entry.path());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_TRUE(test::same(run(file_, options), first));

  // Damaged at the compiled model's beginning, in its middle or cut off: compiled anew and written again.
  const auto size = fs::file_size(kept[0]);
  for (const uintmax_t place : {uintmax_t{8192}, size / 2, size}) {
    if (place == size) {
      fs::resize_file(kept[0], size - 1);
    } else {
      std::fstream stream(kept[0], std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(place));
      stream.write("damaged", 7);
    }
    testing::internal::CaptureStderr();
    EXPECT_TRUE(test::same(run(file_, options), first));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is damaged: compiling anew")) << place;
    const auto written = fs::last_write_time(kept[0]);
    testing::internal::CaptureStderr();
    EXPECT_TRUE(test::same(run(file_, options), first));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(fs::last_write_time(kept[0]), written) << "compiled although a whole model was kept";
  }
}

TEST_F(Engines, ACacheThatCannotBeWrittenIsAWarning) {
  write_file(folder_ / "file", std::string_view("no folder"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(file_, {.cache = folder_ / "file"}).rows, 11);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the compiled model is not kept"));
}

TEST_F(Engines, AnotherModelOfTheSameNameIsNotTakenFromTheCache) {
  const EngineOptions options{.cache = folder_ / "cache"};
  const Matrix first = run(file_, options);
  SmallNetwork({.seed = 2}).save(file_);
  EXPECT_GT(relative_difference(run(file_, options), first), 0.01);
}

TEST_F(Engines, CompiledModelsAreFoundByContentNotByNameOrTime) {
  const EngineOptions options{.cache = folder_ / "cache"};
  const auto files = [&] { return std::distance(fs::directory_iterator(options.cache), fs::directory_iterator()); };
  const Matrix first = run(file_, options);
  const auto time = fs::last_write_time(file_);
  const auto size = fs::file_size(file_);

  const fs::path copy = folder_ / "copy.safetensors";
  fs::copy_file(file_, copy);
  EXPECT_TRUE(test::same(run(copy, options), first));
  EXPECT_EQ(files(), 1);

  for (float& bias : network_.weight("fc.bias")) bias += 50;
  network_.save(file_);
  fs::last_write_time(file_, time);
  ASSERT_EQ(fs::file_size(file_), size);
  Matrix moved = first;
  for (float& logit : moved.values) logit += 50;
  EXPECT_LT(relative_difference(run(file_, options), moved), 1e-5);
  EXPECT_EQ(files(), 2);
}

TEST_F(Engines, PartsSizesAndPlainGraphsOfAModelAreKeptApart) {
  const fs::path cache = folder_ / "cache";
  for (const bool plain : {false, true}) {
    const EngineOptions options{.cache = cache, .plain = plain};
    EXPECT_EQ(run(file_, options).columns, 3);
    EXPECT_EQ(open_embedder(file_, options).engine->run(images_.view()).columns, 16);
    EXPECT_EQ(open_engine(file_, {.image_size = 48, .cache = cache, .plain = plain}).engine->image_size(), 48);
  }
  EXPECT_EQ(test::list_files(cache).size(), 6u);
}

TEST_F(Engines, ImagesOfAnotherSizeOrKindAreRefused) {
  const auto engine = make_engine(optimised(), {.batch = 4});
  const std::vector<float> floats(2 * 64 * 64 * 3, 1);
  const std::vector<uint8_t> bytes(floats.size(), 1);
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{32, 31}, {16, 32}, {64, 64}, {0, 0}}) {
    const std::string error = error_of<UsageError>([&] { engine->run({2, height, width, floats.data()}); });
    EXPECT_THAT(error, HasSubstr(concat("are ", height, "×", width, " of floats, the network takes 32×32 of floats")));
  }
  EXPECT_THAT(error_of<UsageError>([&] { engine->run({2, 32, 32, bytes.data()}); }), HasSubstr("32×32 of bytes"));
  EXPECT_EQ(engine->run(images_.view()).rows, 11) << "and it still runs";
}

TEST_F(Engines, TakeBytesOrFloatsWhereThePreprocessingIsInside) {
  const auto pixels = make_engine(with_preprocessing(optimised(), network_.card().preprocessing), {.batch = 4});
  std::vector<uint8_t> bytes(5 * 32 * 32 * 3);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i % 251);
  std::vector<float> floats(bytes.begin(), bytes.end());
  for (size_t i = 0; i < floats.size(); ++i) floats[i] += i % 2 == 0 ? 0.4f : -0.4f;  // are rounded
  const Matrix wanted = pixels->run({5, 32, 32, bytes.data()});
  EXPECT_TRUE(test::same(pixels->run({5, 32, 32, floats.data()}), wanted)) << pixels->description();
  floats.assign(floats.size(), 300);
  bytes.assign(bytes.size(), 255);
  EXPECT_TRUE(test::same(pixels->run({5, 32, 32, floats.data()}), pixels->run({5, 32, 32, bytes.data()})));
  EXPECT_THAT(error_of<UsageError>([&] {
                pixels->run({2, 32, 31, bytes.data()});
              }),
              HasSubstr("the network takes 32×32 of bytes or floats"));
}

TEST_F(Engines, OptionsOutOfRangeAreRefused) {
  for (const EngineOptions& options : {EngineOptions{.batch = 0}, EngineOptions{.batch = -1},
                                       EngineOptions{.threads = -1}, EngineOptions{.image_size = -1}}) {
    EXPECT_THROW(make_engine(optimised(), options), UsageError);
    EXPECT_THROW(open_engine(file_, options), UsageError);
    EXPECT_THROW(open_embedder(file_, options), UsageError);
  }
}

TEST_F(Engines, SayWhatCannotBeRun) {
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(file_, {.precision = Precision::kInt8}); }),
              HasSubstr("assemble export --int8"));
  const fs::path broken = folder_ / "broken.onnx";
  write_file(broken, std::string_view("this is no model"));
  EXPECT_THAT(error_of<InputError>([&] { open_engine(broken, {}); }),
              HasSubstr("broken.onnx: is a text, expected an ONNX model"));
  const std::string whole = onnx();
  write_file(broken, std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_THAT(error_of<InputError>([&] { open_engine(broken, {}); }), HasSubstr("broken.onnx"));
  write_file(broken, serialise(to_onnx(network_.graph())));
  EXPECT_THAT(error_of<InputError>([&] { open_engine(broken, {}); }), HasSubstr("broken.toml"));
  write_file(broken, whole);
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(broken, {.kind = EngineKind::kTorch}); }),
              HasSubstr("engine torch"));
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(broken, {.image_size = 64}); }), HasSubstr("`image_size` 64"));
  EXPECT_THAT(error_of<UsageError>([&] { open_embedder(broken, {}); }), HasSubstr("gives logits and no embeddings"));
}

TEST_F(Engines, OpenForeignNetworksOnOpenvinoAlone) {
  const fs::path path = folder_ / "foreign.onnx";
  write_file(path, serialise(to_onnx(network_.graph())));
  const EngineOptions options{.foreign = {.assume = true}};
  EXPECT_LT(relative_difference(open_engine(path, options).engine->run(images_.view()), run(file_)), 1e-5);
  EXPECT_THROW(open_engine(path, {.kind = EngineKind::kTorch}), UsageError);
  write_file(path, std::string_view("nothing"));
  EXPECT_THROW(open_engine(path, options), InputError);
}

TEST_F(Engines, EmbeddersGiveTheInputOfTheLastLayer) {
  for (const int64_t embedding : {0, 10}) {
    SmallNetwork network({.embedding = embedding});
    network.save(file_);
    const auto embedder = open_embedder(file_, {.batch = 4});
    EXPECT_EQ(embedder.card.arch, "small");
    EXPECT_LT(relative_difference(embedder.engine->run(images_.view()),
                                  test::interpret(embedding_of(network.graph()), images_.view())),
              1e-5);
  }
}

TEST(EnginesOfThisHalf, AreOpenvinoAlone) {
  if (has_torch_backend()) GTEST_SKIP() << "LibTorch is linked";
  EXPECT_THAT(error_of<NeedsTorch>([] { make_engine(SmallNetwork().graph(), {.kind = EngineKind::kTorch}); }),
              HasSubstr("engine torch: needs LibTorch"));
  const test::TemporaryFolder folder;
  SmallNetwork().save(folder / "model.safetensors");
  EXPECT_THROW(open_engine(folder / "model.safetensors", {.kind = EngineKind::kTorch}), NeedsTorch);
  EXPECT_EQ(default_engine("cuda"), EngineKind::kTorch);
  EXPECT_EQ(default_engine("auto"), default_engine("cpu"));
}

TEST(EnginesOfThisHalf, ABuildWithoutOpenvinoSaysSo) {
  if (test::has_openvino()) GTEST_SKIP() << "this build has OpenVINO";
  const test::TemporaryFolder folder;
  SmallNetwork().save(folder / "model.safetensors");
  const std::string error = error_of<UsageError>([&] { open_engine(folder / "model.safetensors", {}); });
  EXPECT_THAT(error, HasSubstr("this build has no OpenVINO"));
  EXPECT_THAT(error, HasSubstr("`engine` torch"));
}

TEST(RequireImages, AreOfTheSizeAndKindThatANetworkTakes) {
  const std::vector<float> floats(2 * 4 * 5 * 3);
  const std::vector<uint8_t> bytes(floats.size());
  const Images of_floats{2, 4, 5, floats.data()}, of_bytes{2, 4, 5, bytes.data()};
  EXPECT_NO_THROW(require_images(of_floats, 4, 5, false));
  EXPECT_NO_THROW(require_images(of_floats, 4, 5, true));
  EXPECT_NO_THROW(require_images(of_bytes, 4, 5, true));
  EXPECT_THAT(error_of<UsageError>([&] { require_images(of_bytes, 4, 5, false); }),
              HasSubstr("are 4×5 of bytes, the network takes 4×5 of floats"));
  EXPECT_THAT(error_of<UsageError>([&] { require_images(of_floats, 5, 4, false); }),
              HasSubstr("are 4×5 of floats, the network takes 5×4 of floats"));
}

}  // namespace
}  // namespace assemble
