// SPDX-License-Identifier: Apache-2.0
#include "assemble/capi/assemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "assemble/deploy/engine.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/eval/predict.h"
#include "assemble/image/encode.h"
#include "c11_check.h"
#include "engines.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr size_t kClasses = 5;
constexpr int kSide = 32;

/// A different picture for each number: waves, so that neither resize nor JPEG changes much.
Image picture(int number) {
  Image image{40 + number % 7, 50 - number % 5, {}};
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < Image::kChannels; ++c) {
        image.pixels.push_back(static_cast<uint8_t>(127 + 120 * std::sin(0.07 * (number + 1) * (x + c) + 0.2 * c * y)));
      }
    }
  }
  return image;
}

void write_onnx(const fs::path& path, const Graph& graph, const ModelCard& card, const Metadata& more = {}) {
  Metadata metadata = to_metadata(card, Precision::kF32);
  metadata.insert(more.begin(), more.end());
  write_file(path, serialise(to_onnx(graph, metadata)));
}

/// Model files that all tests read, all of one network.
class CApi : public testing::Test {
 protected:
  static const fs::path& folder() {
    static const test::TemporaryFolder folder;
    static const fs::path path = [] {
      test::SmallNetwork network({.classes = kClasses, .side = kSide, .deviation = 60});
      ModelCard card = network.card();
      card.class_names = {"ash", "birch", "cédre", "douglas fir", "elm"};
      card.preprocessing = Preprocessing::from_type("imagenet_32a");
      network.save(folder / "model.safetensors", card);
      const Graph graph = optimise(network.graph());
      write_onnx(folder / "model.onnx", graph, card);
      write_onnx(folder / "embedding.onnx", optimise(with_embedding(network.graph())), card, {{kEmbeddingSize, "16"}});
      card.loss = LossType::kSigmoid;
      network.save(folder / "sigmoid.safetensors", card);
      card.loss = LossType::kSoftmax;
      const Graph from_pixels = with_preprocessing(graph, card.preprocessing);
      card.preprocessing.mean = {0, 0, 0};
      write_onnx(folder / "pixels.onnx", from_pixels, card);
      return folder.path();
    }();
    return path;
  }

  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }
  ~CApi() override { assemble_model_free(model_); }

  static assemble_options options(const char* engine = nullptr) {
    assemble_options options;
    EXPECT_EQ(assemble_options_init(&options, sizeof(options)), ASSEMBLE_OK);
    options.engine = engine;
    options.threads = 2;
    return options;
  }

  assemble_model* open(const std::string& name, const assemble_options& options = CApi::options()) {
    assemble_model_free(model_);
    EXPECT_EQ(assemble_model_open((folder() / name).c_str(), &options, &model_), ASSEMBLE_OK) << assemble_last_error();
    return model_;
  }

  assemble_status open_status(const std::string& name, const assemble_options& options = CApi::options()) {
    assemble_model* model = model_;
    const assemble_status status = assemble_model_open((folder() / name).c_str(), &options, &model);
    EXPECT_EQ(model, nullptr);
    return status;
  }

  assemble_model* model_ = nullptr;
};

assemble_image encoded(const Bytes& bytes) { return {bytes.data(), bytes.size(), 0, 0, 0}; }

std::array<assemble_class, kClasses> classify_one(assemble_model* model, const assemble_image& image) {
  std::array<assemble_class, kClasses> classes;
  EXPECT_EQ(assemble_classify(model, &image, kClasses, classes.data(), nullptr), ASSEMBLE_OK) << assemble_last_error();
  return classes;
}

void expect_same(std::span<const assemble_class> found, std::span<const assemble_class> expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t k = 0; k < found.size(); ++k) {
    EXPECT_EQ(found[k].label, expected[k].label);
    EXPECT_NEAR(found[k].probability, expected[k].probability, tolerance);
  }
}

TEST_F(CApi, EmbedsImages) {
  const Bytes first = encode_png(picture(1)), second = encode_png(picture(2)), broken = {1, 2, 3};
  const assemble_image images[] = {encoded(first), encoded(broken), encoded(second)};
  std::vector<float> of_engine;
  {
    const DeployedModel model = open_embedder(folder() / "model.safetensors", {});
    for (const Bytes& bytes : {first, second}) {
      std::vector<float> input(size_t{kSide} * kSide * 3);
      preprocess_eval(bytes, "image", model.card.preprocessing, input);
      const Matrix row = model.engine->run({1, kSide, kSide, input.data()});
      of_engine.insert(of_engine.end(), row.values.begin(), row.values.end());
    }
  }
  for (const char* file : {"model.safetensors", "embedding.onnx"}) {
    assemble_model* model = open(file);
    size_t size = 0;
    ASSERT_EQ(assemble_model_embedding_size(model, &size), ASSEMBLE_OK) << assemble_last_error();
    ASSERT_EQ(size, 16u);
    std::vector<float> values(3 * size, -1);
    assemble_status statuses[3];
    EXPECT_EQ(assemble_embed_batch(model, images, 3, values.data(), size, statuses), ASSEMBLE_BAD_INPUT);
    EXPECT_THAT(statuses, testing::ElementsAre(ASSEMBLE_OK, ASSEMBLE_BAD_INPUT, ASSEMBLE_OK));
    std::vector<float> alone(size);
    EXPECT_EQ(assemble_embed(model, &images[2], alone.data(), size), ASSEMBLE_OK) << assemble_last_error();
    for (size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(values[i], of_engine[i], 1e-4);
      EXPECT_EQ(values[size + i], 0);
      EXPECT_NEAR(values[2 * size + i], of_engine[size + i], 1e-4);
      EXPECT_NEAR(alone[i], of_engine[size + i], 1e-4);
    }
    EXPECT_EQ(assemble_embed(model, &images[0], alone.data(), size - 1), ASSEMBLE_USAGE_ERROR);
    EXPECT_THAT(assemble_last_error(), HasSubstr("15, but the embeddings have 16 values"));
    EXPECT_EQ(assemble_embed(model, &images[0], nullptr, size), ASSEMBLE_USAGE_ERROR);
    expect_same(classify_one(model, images[0]), classify_one(model, images[0]), 0);
  }
  size_t size = 1;
  EXPECT_EQ(assemble_model_embedding_size(open("model.onnx"), &size), ASSEMBLE_USAGE_ERROR);
  EXPECT_EQ(size, 0u);
  EXPECT_THAT(assemble_last_error(), HasSubstr("--embedding"));
}

TEST_F(CApi, SaysWhatAModelIs) {
  const assemble_model* model = open("model.safetensors");
  EXPECT_EQ(assemble_model_class_count(model), 5);
  EXPECT_STREQ(assemble_model_class_name(model, 2), "cédre");
  EXPECT_EQ(assemble_model_class_name(model, 5), nullptr);
  EXPECT_EQ(assemble_model_class_name(model, -1), nullptr);
  EXPECT_EQ(assemble_model_input_size(model), 32);
  EXPECT_STREQ(assemble_model_arch(model), "small");
  EXPECT_STREQ(assemble_model_precision(model), "f32");
  EXPECT_THAT(assemble_model_description(model), HasSubstr("OpenVINO"));
  EXPECT_STREQ(assemble_version(), ASSEMBLE_VERSION);
}

TEST_F(CApi, NoModelIsNoClasses) {
  EXPECT_EQ(assemble_model_class_count(nullptr), 0);
  EXPECT_EQ(assemble_model_class_name(nullptr, 0), nullptr);
  EXPECT_EQ(assemble_model_input_size(nullptr), 0);
  EXPECT_EQ(assemble_model_arch(nullptr), nullptr);
  EXPECT_EQ(assemble_model_precision(nullptr), nullptr);
  EXPECT_EQ(assemble_model_description(nullptr), nullptr);
  assemble_model_free(nullptr);
}

TEST_F(CApi, GivesWhatPredictGives) {
  const Bytes jpeg = encode_jpeg(picture(1), 90);
  write_file(folder() / "picture.jpg", jpeg);
  for (const std::string file : {"model.safetensors", "sigmoid.safetensors"}) {
    const Graph graph = read_graph(folder() / file, kSide);
    const Network network = [&](const Images& images) { return test::interpret(graph, images); };
    const ModelCard card = read_model_card(folder() / file);
    const Prediction expected = predict(network, card, {folder() / "picture.jpg"}, {}).front();
    for (const char* engine : {static_cast<const char*>(nullptr), "openvino"}) {
      const auto found = classify_one(open(file, options(engine)), encoded(jpeg));
      for (size_t k = 0; k < kClasses; ++k) {
        EXPECT_EQ(found[k].label, expected.classes[k].label);
        EXPECT_EQ(found[k].name, expected.classes[k].name);
        EXPECT_NEAR(found[k].probability, expected.classes[k].probability, 1e-4);
      }
    }
  }
}

TEST_F(CApi, SigmoidProbabilitiesNeedNotSumToOne) {
  const auto sum = [](const auto& classes) {
    double total = 0;
    for (const assemble_class& c : classes) total += c.probability;
    return total;
  };
  const Bytes png = encode_png(picture(0));
  EXPECT_NEAR(sum(classify_one(open("model.safetensors"), encoded(png))), 1, 1e-6);
  EXPECT_GT(std::abs(sum(classify_one(open("sigmoid.safetensors"), encoded(png))) - 1), 0.05);
}

TEST_F(CApi, PixelsGiveWhatTheSamePngGives) {
  const Image image = picture(3);
  const Bytes png = encode_png(image);
  assemble_model* model = open("model.safetensors");
  const auto expected = classify_one(model, encoded(png));
  const assemble_image tight{image.pixels.data(), image.pixels.size(), image.width, image.height, 0};
  expect_same(classify_one(model, tight), expected, 0);

  const size_t row = size_t{3} * image.width, stride = row + 11;
  Bytes padded(stride * (image.height - 1) + row, 255);
  for (int y = 0; y < image.height; ++y) std::memcpy(padded.data() + y * stride, image.row(y), row);
  const assemble_image spaced{padded.data(), padded.size(), image.width, image.height, stride};
  expect_same(classify_one(model, spaced), expected, 0);
}

TEST_F(CApi, PixelsThatDoNotFitAreRefused) {
  assemble_model* model = open("model.safetensors");
  const Bytes bytes(30 * 10);
  assemble_class best;
  for (const assemble_image& image :
       {assemble_image{bytes.data(), 299, 10, 10, 0}, assemble_image{bytes.data(), 300, 10, 10, 31},
        assemble_image{bytes.data(), 300, 10, 10, 29}, assemble_image{bytes.data(), 300, 10, 0, 0},
        assemble_image{bytes.data(), 300, -10, -10, 0}, assemble_image{bytes.data(), 300, 0, 10, 0},
        assemble_image{bytes.data(), 300, 1, 65536, 0}, assemble_image{bytes.data(), 300, 10, 10, SIZE_MAX / 2}}) {
    EXPECT_EQ(assemble_classify(model, &image, 1, &best, nullptr), ASSEMBLE_USAGE_ERROR);
    EXPECT_THAT(assemble_last_error(), HasSubstr("pixels"));
  }
}

TEST_F(CApi, TopIsCutOffAtTheModelsClasses) {
  assemble_model* model = open("model.safetensors");
  const Bytes png = encode_png(picture(2));
  const assemble_image image = encoded(png);
  std::array<assemble_class, 7> classes;
  size_t count = 99;
  ASSERT_EQ(assemble_classify(model, &image, classes.size(), classes.data(), &count), ASSEMBLE_OK);
  EXPECT_EQ(count, 5u);
  EXPECT_EQ(classes[5].label, -1);
  EXPECT_EQ(classes[6].name, nullptr);
  ASSERT_EQ(assemble_classify(model, &image, 2, classes.data(), &count), ASSEMBLE_OK);
  EXPECT_EQ(count, 2u);
  EXPECT_GE(classes[0].probability, classes[1].probability);
}

TEST_F(CApi, WrongArgumentsAreUsageErrors) {
  assemble_model* model = open("model.safetensors");
  const Bytes png = encode_png(picture(0));
  const assemble_image image = encoded(png), empty{nullptr, 10, 0, 0, 0};
  assemble_class best;
  const auto expect_usage_error = [](assemble_status status, const char* message) {
    EXPECT_EQ(status, ASSEMBLE_USAGE_ERROR);
    EXPECT_THAT(assemble_last_error(), HasSubstr(message));
  };
  size_t count = 7;
  expect_usage_error(assemble_classify(nullptr, &image, 1, &best, &count), "model: is NULL");
  EXPECT_EQ(count, 0u);
  expect_usage_error(assemble_classify(model, nullptr, 1, &best, nullptr), "images: is NULL");
  expect_usage_error(assemble_classify(model, &image, 1, nullptr, nullptr), "classes: is NULL");
  expect_usage_error(assemble_classify(model, &empty, 1, &best, nullptr), "image data: is NULL");
  expect_usage_error(assemble_classify(model, &image, 0, &best, nullptr), "top: is 0");
  expect_usage_error(assemble_classify(model, &image, static_cast<size_t>(-1), &best, nullptr), "is out of range");
  expect_usage_error(assemble_model_open(nullptr, nullptr, &model_), "path: is NULL");
  model_ = model;
  expect_usage_error(assemble_model_open("x.safetensors", nullptr, nullptr), "model: is NULL");
  expect_usage_error(assemble_options_init(nullptr, sizeof(assemble_options)), "options: is NULL");
  EXPECT_EQ(assemble_classify(model, &image, 1, &best, nullptr), ASSEMBLE_OK);
  EXPECT_STREQ(assemble_last_error(), "");
}

TEST_F(CApi, WrongOptionsAreUsageErrors) {
  const auto expect_usage_error = [&](auto change, const char* message) {
    assemble_options changed = options();
    change(changed);
    EXPECT_EQ(open_status("model.safetensors", changed), ASSEMBLE_USAGE_ERROR);
    EXPECT_THAT(assemble_last_error(), HasSubstr(message));
  };
  expect_usage_error([](assemble_options& o) { o.engine = "tensorrt"; }, "'tensorrt'");
  expect_usage_error([](assemble_options& o) { o.engine = "torch"; }, "needs LibTorch");
  expect_usage_error([](assemble_options& o) { o.precision = "f8"; }, "'f8'");
  expect_usage_error([](assemble_options& o) { o.precision = "int8"; }, "has no 8-bit weights");
  expect_usage_error([](assemble_options& o) { o.engine = "openvino", o.device = "tpu"; }, "does not compute on tpu");
  expect_usage_error([](assemble_options& o) { o.device = "cuda"; }, "needs LibTorch");
  expect_usage_error([](assemble_options& o) { o.threads = -1; }, "threads");
  expect_usage_error([](assemble_options& o) { o.threads = INT32_MAX; }, "threads: 2147483647 is out of range");
  expect_usage_error([](assemble_options& o) { o.batch = 0; }, "batch");
  expect_usage_error([](assemble_options& o) { o.batch = INT32_MIN; }, "batch");
  expect_usage_error([](assemble_options& o) { o.batch = INT32_MAX; }, "batch: 2147483647 is out of range");
  expect_usage_error([](assemble_options& o) { o.size = 0; }, "assemble_options_init");
  expect_usage_error([](assemble_options& o) { o.size += 8; }, "newer library");
  assemble_options unused;
  EXPECT_EQ(assemble_options_init(&unused, sizeof(unused) + 8), ASSEMBLE_USAGE_ERROR);
}

TEST_F(CApi, UnusableModelsAreBadInput) {
  EXPECT_EQ(open_status("absent.safetensors"), ASSEMBLE_BAD_INPUT);
  EXPECT_THAT(assemble_last_error(), HasSubstr("absent.safetensors"));
  EXPECT_EQ(open_status("absent.onnx"), ASSEMBLE_BAD_INPUT);
  for (const std::string name : {"model.safetensors", "model.onnx"}) {
    const std::string whole = test::read_text(folder() / name);
    write_file(folder() / ("cut_" + name), whole.substr(0, whole.size() / 2));
    EXPECT_EQ(open_status("cut_" + name), ASSEMBLE_BAD_INPUT);
    EXPECT_THAT(assemble_last_error(), HasSubstr("cut_" + name));
  }
}

TEST_F(CApi, ABrokenImageLeavesTheOthersOfItsBatch) {
  assemble_options batched = options();
  batched.batch = 4;
  assemble_model* model = open("model.safetensors", batched);
  std::vector<Bytes> files;
  for (int i = 0; i < 7; ++i) files.push_back(encode_jpeg(picture(i), 90));
  files[1] = {'n', 'o', 'n', 'e'};
  files[5].resize(files[5].size() / 3);
  std::vector<assemble_image> images;
  for (const Bytes& file : files) images.push_back(encoded(file));

  std::vector<assemble_class> classes(images.size() * 2);
  std::vector<assemble_status> statuses(images.size(), ASSEMBLE_FAILED_RUN);
  EXPECT_EQ(assemble_classify_batch(model, images.data(), images.size(), 2, classes.data(), statuses.data()),
            ASSEMBLE_BAD_INPUT);
  EXPECT_THAT(assemble_last_error(), HasSubstr("image 1: "));
  for (size_t i = 0; i < images.size(); ++i) {
    const bool broken = i == 1 || i == 5;
    EXPECT_EQ(statuses[i], broken ? ASSEMBLE_BAD_INPUT : ASSEMBLE_OK) << i;
    if (broken) {
      EXPECT_EQ(classes[2 * i].label, -1);
    } else {
      const auto alone = classify_one(model, images[i]);
      expect_same(std::span(classes).subspan(2 * i, 2), std::span(alone).first(2), 1e-6);
    }
  }
  EXPECT_EQ(assemble_classify(model, &images[1], 2, classes.data(), nullptr), ASSEMBLE_BAD_INPUT);
  EXPECT_EQ(assemble_classify_batch(model, nullptr, 0, 2, nullptr, nullptr), ASSEMBLE_OK);
}

TEST_F(CApi, ThreadsOnOneModelGetWhatOneThreadGets) {
  constexpr int kPictures = 6, kThreads = 8, kRounds = 12;
  std::vector<Bytes> files;
  for (int i = 0; i < kPictures; ++i) files.push_back(encode_jpeg(picture(i), 90));
  assemble_model* model = open("model.safetensors");
  std::vector<std::array<assemble_class, kClasses>> expected;
  for (const Bytes& file : files) expected.push_back(classify_one(model, encoded(file)));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const int picture = (thread + round) % kPictures;
        expect_same(classify_one(model, encoded(files[picture])), expected[picture], 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CApi, ModelsAreOpenedWhileOthersCompute) {
  const Bytes png = encode_png(picture(2));
  const auto expected = classify_one(open("model.safetensors"), encoded(png));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 3; ++round) {
        const assemble_options chosen = options(thread % 2 == 0 ? "openvino" : nullptr);
        assemble_model* model = nullptr;
        EXPECT_EQ(assemble_model_open((folder() / "model.safetensors").c_str(), &chosen, &model), ASSEMBLE_OK)
            << assemble_last_error();
        expect_same(classify_one(model, encoded(png)), expected, 1e-5);
        expect_same(classify_one(model_, encoded(png)), expected, 0);
        assemble_model_free(model);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CApi, EachThreadHasItsOwnError) {
  EXPECT_EQ(open_status("absent.safetensors"), ASSEMBLE_BAD_INPUT);
  std::thread([] { EXPECT_STREQ(assemble_last_error(), ""); }).join();
  EXPECT_THAT(assemble_last_error(), HasSubstr("absent.safetensors"));
}

TEST_F(CApi, CallsFromC) {
  const Bytes png = encode_png(picture(4));
  const auto expected = classify_one(open("model.safetensors"), encoded(png));
  EXPECT_EQ(c11_best_label((folder() / "model.safetensors").c_str(), png.data(), png.size()), expected[0].label);
  EXPECT_EQ(c11_best_label("/nonexistent", png.data(), png.size()), -3);
}

TEST_F(CApi, OnnxFilesCarryTheirClasses) {
  const Bytes png = encode_png(picture(5));
  const auto expected = classify_one(open("model.safetensors"), encoded(png));
  expect_same(classify_one(open("model.onnx"), encoded(png)), expected, 1e-5);
  EXPECT_STREQ(assemble_model_class_name(model_, 4), "elm");
  expect_same(classify_one(open("pixels.onnx"), encoded(png)), expected, 0.02);  // rounded to bytes before the network
  EXPECT_EQ(open_status("model.onnx", options("torch")), ASSEMBLE_USAGE_ERROR);
}

TEST_F(CApi, CompiledModelsAreKept) {
  const std::string cache = (folder() / "cache").string();
  assemble_options cached = options();
  cached.cache = cache.c_str();
  const Bytes png = encode_png(picture(5));
  const auto expected = classify_one(open("model.safetensors", cached), encoded(png));
  EXPECT_EQ(test::list_files(cache).size(), 1u);
  expect_same(classify_one(open("model.safetensors", cached), encoded(png)), expected, 0);
}

}  // namespace
}  // namespace assemble
