// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "assemble/io/safetensors.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::HasSubstr;

TEST(PreprocessingType, KnowsTheOriginalsNames) {
  const auto sizes = [](const std::string& type) {
    const Preprocessing p = Preprocessing::from_type(type);
    return std::array{p.train_size, p.eval_size, p.eval_resize};
  };
  EXPECT_EQ(sizes("imagenet"), (std::array{224, 224, 256}));
  EXPECT_EQ(sizes("imagenet_160"), (std::array{160, 160, 182}));
  EXPECT_EQ(sizes("imagenet_256a"), (std::array{256, 256, 257}));
  EXPECT_EQ(sizes("imagenet_224_256"), (std::array{224, 256, 292}));
  EXPECT_EQ(sizes("imagenet_224_256a"), (std::array{224, 256, 257}));
  for (const char* wrong : {"", "imagenet_", "imagenet_1", "imagenet_224_256b", "cifar10"}) {
    EXPECT_THAT(error_of<UsageError>([&] { Preprocessing::from_type(wrong); }), HasSubstr("imagenet_TTT_EEE"));
  }
}

TEST(PreprocessingJson, ComesBackAndIsChecked) {
  Preprocessing p = Preprocessing::from_type("imagenet_96_128");
  p.mean = {1, 2, 3};
  p.deviation = {4, 5, 6.5f};
  p.apply_exif_orientation = true;
  EXPECT_EQ(Preprocessing::from_json(p.to_json(), "model"), p);
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = p.to_json();
    text.replace(text.find(from), from.size(), to);
    return error_of<InputError>([&] { Preprocessing::from_json(text, "m.safetensors"); });
  };
  EXPECT_THAT(message("train_size", "trainsize"), HasSubstr("m.safetensors: preprocessing is not as expected"));
  EXPECT_THAT(message("\"train_size\":96", "\"train_size\":0"), HasSubstr("size 0"));
  EXPECT_THAT(message("\"eval_resize\":146", "\"eval_resize\":100"), HasSubstr("below eval_size"));
  EXPECT_THAT(message("6.5", "0.0"), HasSubstr("deviation of 0"));
  EXPECT_THAT(message("{", "["), HasSubstr("not as expected"));
  EXPECT_THAT(message("true", "17"), HasSubstr("not as expected"));
}

/// What the original computed for one key of a preprocess.safetensors.
std::vector<float> compute(const std::string& key, const fs::path& jpegs) {
  const std::vector<std::string> parts = split(key, '/');
  const Bytes bytes = read_file(jpegs / parts.back());
  if (parts[0] == "decoded") {
    const Image image = decode_image(bytes, key);
    return {image.pixels.begin(), image.pixels.end()};
  }
  if (parts[0] == "eval") {
    const Preprocessing preprocessing = Preprocessing::from_type(parts[1]);
    std::vector<float> output(size_t{3} * preprocessing.eval_size * preprocessing.eval_size);
    preprocess_eval(bytes, key, preprocessing, output);
    return output;
  }
  const std::vector<std::string> n = split(parts[1], ',');
  const Window window{std::stoi(n[0]), std::stoi(n[1]), std::stoi(n[2]), std::stoi(n[3])};
  std::vector<float> output(96 * 96 * 3);
  DecodeOptions options;
  options.window_ends_image = true;
  resize_bilinear(decode_window(
                      bytes, key, [&](ImageSize) { return window; }, options),
                  96, 96, output);
  return output;
}

/// Largest difference from a stored tensor, which may hold every `row_step`-th row alone.
double difference(const SafetensorsFile& file, const std::string& key, const fs::path& jpegs, int row_step) {
  const TensorEntry& entry = file.entry(key);
  std::vector<float> expected;
  if (entry.type == DataType::kU8) {
    const Bytes bytes = file.read(key);
    expected.assign(bytes.begin(), bytes.end());
  } else {
    expected = file.read_f32(key);
  }
  const std::vector<float> computed = compute(key, jpegs);
  const size_t row = static_cast<size_t>(entry.shape[1]) * 3;
  const size_t rows = (computed.size() / row + row_step - 1) / row_step;
  if (expected.size() != rows * row) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max<double>(largest, std::abs(expected[i] - computed[i / row * row_step * row + i % row]));
  }
  return largest;
}

void compare_with(const fs::path& tensors, const fs::path& jpegs, int expected_cases) {
  const SafetensorsFile file(tensors);
  const auto step = file.metadata().find("row_step");
  const int row_step = step == file.metadata().end() ? 1 : std::stoi(step->second);
  int cases = 0;
  for (const auto& [key, entry] : file.tensors()) {
    if (key.starts_with("eval/") && !key.starts_with("eval/imagenet")) continue;  // other families of preprocessing
    const double largest = difference(file, key, jpegs, row_step);
    EXPECT_LE(largest, key.starts_with("decoded/") ? 0 : 1e-3) << key;
    ++cases;
  }
  EXPECT_EQ(cases, expected_cases);
}

TEST(PreprocessEval, EqualsTheOriginalOnStoredRows) {
  compare_with(test::stored_golden("preprocess.safetensors"), test::stored_golden("jpeg"), 8);
}

TEST(PreprocessEval, EqualsTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  compare_with(golden / "preprocess.safetensors", golden / "jpeg", 24);
}

TEST(PreprocessEval, HandlesImagesSmallerThanTheCrop) {
  const Bytes bytes = encode_png(test::wavy_image(3, 5));
  Preprocessing preprocessing;
  std::vector<float> output(224 * 224 * 3);
  preprocess_eval(bytes, "tiny", preprocessing, output);
  for (const float value : output) ASSERT_TRUE(value > -125 && value < 152);
}

TEST(PreprocessEval, EqualShortSideAndCropIsAllowed) {
  for (const auto& [height, width] : {std::pair{3, 7}, {17, 13}, {1, 500}}) {
    Preprocessing preprocessing;
    preprocessing.eval_size = preprocessing.eval_resize = 33;
    std::vector<float> output(33 * 33 * 3);
    EXPECT_NO_THROW(preprocess_eval(encode_png(test::wavy_image(height, width)), "equal", preprocessing, output));
  }
}

TEST(PreprocessEval, SubtractsMeanAndDividesByDeviation) {
  Image flat{4, 4, {}};
  for (int i = 0; i < 16; ++i) flat.pixels.insert(flat.pixels.end(), {10, 20, 30});
  Preprocessing preprocessing;
  preprocessing.eval_size = preprocessing.eval_resize = 2;
  preprocessing.mean = {4, 5, 6};
  preprocessing.deviation = {2, 3, 4};
  std::vector<float> output(12);
  preprocess_eval(encode_png(flat), "flat", preprocessing, output);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(output[i * 3], 3);
    EXPECT_FLOAT_EQ(output[i * 3 + 1], 5);
    EXPECT_FLOAT_EQ(output[i * 3 + 2], 6);
  }
}

std::vector<float> train_output(const Bytes& bytes, const Augmentation& augmentation, uint64_t sample) {
  Preprocessing preprocessing = Preprocessing::from_type("imagenet_32");
  preprocessing.mean = {0, 0, 0};
  std::vector<float> output(32 * 32 * 3);
  Random random(5, RandomPurpose::kAugment, 0, sample);
  preprocess_train(bytes, "train", {}, preprocessing, augmentation, random, output);
  return output;
}

TEST(PreprocessTrain, IsTheSampledWindowFlippedAndResized) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  const Image whole = decode_image(bytes, "whole");
  for (const double flip : {0.0, 1.0}) {
    Augmentation augmentation;
    augmentation.flip_probability = flip;
    Random random(5, RandomPurpose::kAugment, 0, 3);
    const Window window = sample_box(60, 80, {}, augmentation.box, random);
    std::vector<float> expected(32 * 32 * 3);
    resize_bilinear_reference(test::crop(whole, window), 32, 32, {0, 0, 32, 32}, flip == 1, expected);
    EXPECT_EQ(train_output(bytes, augmentation, 3), expected);
  }
}

TEST(PreprocessTrain, ColorJitterChangesColoursWithinRange) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  Augmentation plain, jittered;
  jittered.color_jitter = 0.4;
  const std::vector<float> before = train_output(bytes, plain, 1), after = train_output(bytes, jittered, 1);
  EXPECT_NE(before, after);
  EXPECT_NE(after, train_output(bytes, jittered, 2));
  for (const float value : after) ASSERT_TRUE(value >= 0 && value <= 255);
}

/// A picture without sharp edges, as photos of that size are.
Bytes smooth_jpeg(int height, int width) {
  Image image{height, width, std::vector<uint8_t>(static_cast<size_t>(height) * width * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double wave = std::sin(0.02 * x) * std::cos(0.03 * y);
      for (int c = 0; c < 3; ++c) image.row(y)[x * 3 + c] = static_cast<uint8_t>(128 + (100 - 20 * c) * wave);
    }
  }
  return encode_jpeg(image, 95);
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

TEST(Preprocess, FastDecodingGivesNearlyTheSamePixels) {
  const Preprocessing preprocessing = Preprocessing::from_type("imagenet_32");
  for (const int factor : {1, 2, 4, 9}) {
    const Bytes bytes = smooth_jpeg(40 * factor, 50 * factor);
    std::vector<float> exact(32 * 32 * 3), fast(exact);
    preprocess_eval(bytes, "exact", preprocessing, exact);
    preprocess_eval(bytes, "fast", preprocessing, fast, Decoding::kFast);
    const double eval = mean_difference(exact, fast);
    Random one(3, RandomPurpose::kAugment), two(3, RandomPurpose::kAugment);
    preprocess_train(bytes, "exact", {}, preprocessing, {}, one, exact);
    preprocess_train(bytes, "fast", {}, preprocessing, {}, two, fast, Decoding::kFast);
    const double train = mean_difference(exact, fast);
    std::cout << "mean difference at " << factor << ": evaluation " << eval << ", training " << train << "\n";
    EXPECT_GT(eval, 0);
    EXPECT_LT(eval, 2);
    EXPECT_LT(train, 8);
  }
  const Bytes png = encode_png(test::wavy_image(200, 200));
  std::vector<float> exact(32 * 32 * 3), fast(exact);
  preprocess_eval(png, "exact", preprocessing, exact);
  preprocess_eval(png, "fast", preprocessing, fast, Decoding::kFast);
  EXPECT_EQ(exact, fast) << "only JPEGs change";
}

TEST(Preprocess, RefusesOutputOfAnotherSize) {
  std::vector<float> output(5);
  EXPECT_THAT(error_of<UsageError>([&] { preprocess_eval({}, "x", Preprocessing{}, output); }),
              HasSubstr("output of 5 floats, expected 150528"));
}

}  // namespace
}  // namespace assemble
