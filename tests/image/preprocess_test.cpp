// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "assemble/io/safetensors.h"
#include "parity.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::AnyOf;
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
  EXPECT_EQ(sizes("reid"), (std::array{224, 256, 256}));
  EXPECT_EQ(sizes("reid_224"), (std::array{224, 224, 224}));
  EXPECT_EQ(sizes("inception_331"), (std::array{331, 331, 331}));
  EXPECT_EQ(sizes("torchvision"), (std::array{224, 224, 256}));
  EXPECT_EQ(sizes("torchvision_288"), (std::array{288, 288, 329}));
  EXPECT_EQ(sizes("torchvision_224_232_bicubic"), (std::array{224, 224, 232}));
  EXPECT_EQ(Preprocessing::from_type("inception_600").deviation[0], 255);
  for (const char* wrong : {"", "imagenet_", "imagenet_1", "imagenet_224_256b", "cifar10", "inception", "reid_224a"}) {
    EXPECT_THAT(error_of<UsageError>([&] { Preprocessing::from_type(wrong); }), HasSubstr("imagenet_TTT_EEE"));
  }
}

TEST(PreprocessingType, TorchvisionHasItsOwnConstantsAndFilters) {
  const Preprocessing plain = Preprocessing::from_type("torchvision");
  EXPECT_EQ(plain.mean, (std::array{123.675f, 116.28f, 103.53f}));
  EXPECT_EQ(plain.deviation, (std::array{58.395f, 57.12f, 57.375f}));
  EXPECT_TRUE(plain.antialias);
  EXPECT_FALSE(plain.bicubic);
  EXPECT_TRUE(Preprocessing::from_type("torchvision_96_bicubic").bicubic);
  EXPECT_THAT(error_of<UsageError>([] { Preprocessing::from_type("torchvision_256_224"); }),
              HasSubstr("the crop's side comes first"));
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
  for (const char* side :
       {"0", "-1", "96.5", "16385", "1099511627776", "18446744073709551615", "1e3", "true", "\"96\""}) {
    for (const std::string key : {"\"train_size\":96", "\"eval_size\":128", "\"eval_resize\":146"}) {
      const std::string name = key.substr(0, key.find(':') + 1);
      EXPECT_THAT(message(key, name + side),
                  HasSubstr("m.safetensors: preprocessing " + name.substr(1, name.size() - 3)))
          << side;
    }
  }
  EXPECT_THAT(message("\"eval_resize\":146", "\"eval_resize\":100"), HasSubstr("below eval_size"));
  for (const char* odd : {"0.0", "-1", "1e-9", "1e39", "1e999", "true", "null", "\"4\"", "[4]", "6.5,1"}) {
    EXPECT_THAT(message("6.5", odd), AnyOf(HasSubstr("preprocessing deviation is"), HasSubstr("not as expected")))
        << odd;
  }
  for (const char* odd : {"1e39", "-1e7", "1e300", "false", "1,2", "{}"}) {
    EXPECT_THAT(message("1.0,2.0", odd + std::string(",2.0")), HasSubstr("preprocessing mean is")) << odd;
  }
  EXPECT_THAT(message("[1.0,2.0,3.0]", "[1.0,2.0]"), HasSubstr("expected three numbers in -1e+06"));
  EXPECT_THAT(message("{", "["), HasSubstr("not as expected"));
  EXPECT_THAT(message("true", "17"), HasSubstr("not as expected"));
}

TEST(PreprocessingJson, OldFilesWithoutAFamilyAreImagenet) {
  const Preprocessing old = Preprocessing::from_json(
      R"({"antialias":true,"apply_exif_orientation":false,"deviation":[1,1,1],"eval_resize":256,"eval_size":224,)"
      R"("mean":[123.68,116.78,103.94],"train_size":224})",
      "old");
  EXPECT_EQ(old.family, PreprocessingFamily::kImagenet);
  EXPECT_FALSE(old.pad_to_square);
  for (const char* type : {"reid", "inception_331", "torchvision_224_232_bicubic"}) {
    const Preprocessing preprocessing = Preprocessing::from_type(type);
    EXPECT_EQ(Preprocessing::from_json(preprocessing.to_json(), type), preprocessing);
  }
  std::string text = Preprocessing{}.to_json();
  text.replace(text.find("imagenet"), 8, "imagenot");
  EXPECT_THAT(error_of<InputError>([&] { Preprocessing::from_json(text, "m"); }),
              HasSubstr("family 'imagenot', expected one of imagenet, reid, inception"));
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
  if (parts[0] == "ten_crop") {
    const Preprocessing preprocessing = Preprocessing::from_type(parts[1]);
    std::vector<float> output(size_t{3} * view_count(TestViews::kTenCrop) * preprocessing.eval_size *
                              preprocessing.eval_size);
    preprocess_views(bytes, key, preprocessing, TestViews::kTenCrop, output);
    return output;
  }
  if (parts[0] != "crop") throw UsageError(key, "is no known kind of case");
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

/// Largest difference from a stored tensor, which may hold every `row_step`-th row of an image (or of views) alone.
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
  const std::vector<int64_t> shape(entry.shape.end() - 3, entry.shape.end());
  const size_t views = entry.shape.size() == 4 ? static_cast<size_t>(entry.shape[0]) : 1;
  const size_t row = static_cast<size_t>(shape[1]) * 3, stored_view = expected.size() / views;
  const size_t view = computed.size() / views, rows = (view / row + row_step - 1) / row_step;
  if (expected.size() != views * rows * row) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const size_t in_view = i % stored_view;
    const size_t at = i / stored_view * view + in_view / row * row_step * row + in_view % row;
    largest = std::max<double>(largest, std::abs(expected[i] - computed[at]));
  }
  return largest;
}

int step_of(const SafetensorsFile& file, const std::string& name) {
  const auto step = file.metadata().find(name);
  return step == file.metadata().end() ? 1 : std::stoi(step->second);
}

void compare_with(const fs::path& tensors, const fs::path& jpegs) {
  const SafetensorsFile file(tensors);
  EXPECT_FALSE(file.tensors().empty());
  std::map<std::string, double> worst;
  for (const auto& [key, entry] : file.tensors()) {
    const int row_step = step_of(file, key.starts_with("ten_crop/") ? "ten_crop_row_step" : "row_step");
    const double largest = difference(file, key, jpegs, row_step);
    // Inception's are in [0, 1].
    const double unit = key.starts_with("eval/inception") ? 1.0 / 255 : 1;
    EXPECT_LE(largest, key.starts_with("decoded/") ? 0 : 1e-3 * unit) << key;
    double& of_kind = worst[key.substr(0, key.find('/'))];
    of_kind = std::max(of_kind, largest / unit);
  }
  for (const auto& [kind, largest] : worst) {
    test::log_parity("preprocessing", kind, "largest difference in pixel units", largest, kind == "decoded" ? 0 : 1e-3);
  }
}

TEST(PreprocessEval, EqualsTheOriginalOnStoredRows) {
  compare_with(test::stored_golden("preprocess.safetensors"), test::stored_golden("jpeg"));
}

TEST(PreprocessEval, EqualsTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  compare_with(golden / "preprocess.safetensors", golden / "jpeg");
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
    resize_bilinear_reference(crop(whole, window), 32, 32, {0, 0, 32, 32}, flip == 1, expected);
    EXPECT_EQ(train_output(bytes, augmentation, 3), expected);
  }
}

TEST(PreprocessTrain, AutoAugmentWorksOnTruncatedBytes) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  const AutoAugmentPolicy::SubPolicy steps[] = {
      {{{AugmentOperation::kInvert, 1.0, 0}, {AugmentOperation::kEqualize, 0.0, 0}}}};
  const AutoAugmentPolicy policy{"test", steps};
  Augmentation plain, inverted;
  inverted.auto_augment = &policy;
  const std::vector<float> before = train_output(bytes, plain, 4), after = train_output(bytes, inverted, 4);
  for (size_t i = 0; i < before.size(); ++i) ASSERT_EQ(after[i], 255 - std::floor(before[i]));
}

TEST(PreprocessTrain, ErasedRectanglesAreZeroAfterNormalisation) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  Preprocessing preprocessing = Preprocessing::from_type("imagenet_32");
  preprocessing.deviation = {50, 60, 70};
  Augmentation augmentation;
  augmentation.erasing.probability = 1;
  std::vector<float> output(32 * 32 * 3);
  Random random(5, RandomPurpose::kAugment, 0, 1);
  preprocess_train(bytes, "train", {}, preprocessing, augmentation, random, output);
  const auto zeros = std::count(output.begin(), output.end(), 0.f);
  EXPECT_EQ(zeros % 3, 0);
  EXPECT_GE(zeros, 3 * 32 * 32 * 0.01);
  EXPECT_LE(zeros, 3 * 32 * 32 * 0.4);
}

/// Half of the images are resized to the crop, the other half to int(16 / 0.875) = 18, of which 3 · 3 crops can be
/// taken.
TEST(PreprocessTrain, ReidStretchesOrCropsAtRandom) {
  const Bytes bytes = encode_png(test::wavy_image(30, 40));
  const Image whole = decode_image(bytes, "whole");
  Preprocessing preprocessing = Preprocessing::from_type("reid_16");
  preprocessing.mean = {0, 0, 0};
  std::vector<float> output(16 * 16 * 3);
  std::map<std::vector<float>, double> expected, counted;
  const auto mirrored = [](std::vector<float> pixels) {
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 8; ++x) {
        for (int c = 0; c < 3; ++c) std::swap(pixels[(y * 16 + x) * 3 + c], pixels[(y * 16 + 15 - x) * 3 + c]);
      }
    }
    return pixels;
  };
  const auto expect = [&](int scaled, const Window& crop, double share) {
    resize_bilinear_reference(whole, scaled, scaled, crop, false, output);
    expected[output] += share / 2;
    expected[mirrored(output)] += share / 2;
  };
  expect(16, {0, 0, 16, 16}, 0.5);
  for (int place = 0; place < 9; ++place) expect(18, {place / 3, place % 3, 16, 16}, 0.5 / 9);
  ASSERT_EQ(expected.size(), 20u);
  constexpr int kDraws = 6000;
  for (uint64_t sample = 0; sample < kDraws; ++sample) {
    Random random(8, RandomPurpose::kAugment, 0, sample);
    preprocess_train(bytes, "train", {}, preprocessing, {}, random, output);
    ASSERT_TRUE(expected.contains(output));
    counted[output] += 1.0 / kDraws;
  }
  for (const auto& [pixels, share] : expected) EXPECT_NEAR(counted[pixels], share, 5 * std::sqrt(share / kDraws));
}

TEST(PreprocessTrain, ObjectBoxesChangeWindowsOnlyWhereAskedFor) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  const std::vector<BoundingBox> corner{{0, 0, 0.2f, 0.2f}};
  const Preprocessing preprocessing = Preprocessing::from_type("imagenet_16");
  const auto crop_with = [&](const std::vector<BoundingBox>& boxes, bool object_boxes, uint64_t sample) {
    Augmentation augmentation;
    augmentation.box.max_area = 0.3;
    augmentation.object_boxes = object_boxes;
    Random random(5, RandomPurpose::kAugment, 0, sample);
    std::vector<float> output(16 * 16 * 3);
    preprocess_train(bytes, "train", boxes, preprocessing, augmentation, random, output);
    return output;
  };
  int changed = 0;
  for (uint64_t sample = 0; sample < 50; ++sample) {
    EXPECT_EQ(crop_with(corner, false, sample), crop_with({}, false, sample)) << sample;
    EXPECT_EQ(crop_with({}, true, sample), crop_with({}, false, sample)) << "no box: the whole image is the object";
    changed += crop_with(corner, true, sample) != crop_with({}, false, sample);
  }
  EXPECT_GT(changed, 20) << "small windows that miss a corner are drawn again";
}

TEST(PreprocessTrain, InceptionShiftsTheColoursOfTheSampledWindow) {
  const Bytes bytes = encode_png(test::wavy_image(60, 80));
  const Image whole = decode_image(bytes, "whole");
  const Preprocessing preprocessing = Preprocessing::from_type("inception_32");
  Augmentation augmentation;
  augmentation.box = preprocessing.training_box();
  augmentation.flip_probability = 0;
  augmentation.object_boxes = true;
  Random random(5, RandomPurpose::kAugment, 0, 3), same(5, RandomPurpose::kAugment, 0, 3);
  std::vector<float> output(32 * 32 * 3), plain(32 * 32 * 3);
  // The original gives this family no object boxes, so a box must change nothing.
  preprocess_train(bytes, "train", {{0, 0, 0.01f, 0.01f}}, preprocessing, augmentation, random, output);
  const Window window = sample_box(60, 80, {}, augmentation.box, same);
  resize_bilinear(crop(whole, window), 32, 32, plain);
  float shift[3] = {NAN, NAN, NAN};
  for (size_t i = 0; i < output.size(); ++i) {
    ASSERT_TRUE(output[i] >= 0 && output[i] <= 1);
    if (output[i] == 0 || output[i] == 1) continue;
    if (std::isnan(shift[i % 3])) shift[i % 3] = 255 * output[i] - plain[i];
    ASSERT_NEAR(255 * output[i] - plain[i], shift[i % 3], 1e-3);
  }
  EXPECT_NE(shift[0], shift[1]);
}

TEST(PreprocessEval, PadsToASquareWithBlack) {
  const Bytes bytes = encode_png(Image{20, 40, std::vector<uint8_t>(20 * 40 * 3, 200)});
  Preprocessing preprocessing = Preprocessing::from_type("reid_40");
  preprocessing.pad_to_square = true;
  preprocessing.mean = {0, 0, 0};
  std::vector<float> output(40 * 40 * 3);
  preprocess_eval(bytes, "wide", preprocessing, output);
  for (int y = 0; y < 40; ++y) EXPECT_EQ(output[y * 40 * 3], y < 10 || y >= 30 ? 0 : 200) << y;
}

TEST(PreprocessEval, OfADecodedImageIsTheSame) {
  for (const auto& [height, width] : {std::pair{97, 61}, {20, 33}, {40, 40}}) {
    const Image image = test::wavy_image(height, width);
    for (const char* type : {"imagenet_40", "reid_40", "inception_40"}) {
      for (const bool antialias : {false, true}) {
        for (const bool pad : {false, true}) {
          Preprocessing preprocessing = Preprocessing::from_type(type);
          preprocessing.antialias = antialias;
          preprocessing.pad_to_square = pad;
          std::vector<float> encoded(40 * 40 * 3), decoded(40 * 40 * 3);
          preprocess_eval(encode_png(image), type, preprocessing, encoded);
          preprocess_eval(image, preprocessing, decoded);
          EXPECT_EQ(decoded, encoded) << type << ' ' << height << ' ' << antialias << pad;
        }
      }
    }
  }
  std::vector<float> wrong(3);
  EXPECT_THROW(preprocess_eval(test::wavy_image(4, 4), Preprocessing(), wrong), UsageError);
}

TEST(PreprocessEval, AntialiasingKeepsEachFamilysGeometry) {
  // A picture without fine detail is nearly the same however it is scaled.
  Image smooth{120, 160, std::vector<uint8_t>(120 * 160 * 3)};
  for (size_t i = 0; i < smooth.pixels.size(); ++i) {
    smooth.pixels[i] = static_cast<uint8_t>(i / 3 / 160 + i / 3 % 160 / 2);
  }
  for (const char* type : {"imagenet_96", "reid_96", "inception_96"}) {
    Preprocessing preprocessing = Preprocessing::from_type(type);
    preprocessing.deviation = {1, 1, 1};
    std::vector<float> plain(96 * 96 * 3), antialiased(96 * 96 * 3);
    preprocess_eval(encode_png(smooth), type, preprocessing, plain);
    preprocessing.antialias = true;
    preprocess_eval(encode_png(smooth), type, preprocessing, antialiased);
    for (size_t i = 0; i < plain.size(); ++i) ASSERT_NEAR(plain[i], antialiased[i], 2) << type;
  }
}

TEST(PreprocessTenCrop, CoversTheCornersAndTheCentreAndMirrors) {
  Image ramp{40, 48, std::vector<uint8_t>(40 * 48 * 3)};
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 48; ++x) {
      ramp.row(y)[3 * x] = static_cast<uint8_t>(y);
      ramp.row(y)[3 * x + 1] = static_cast<uint8_t>(x);
    }
  }
  Preprocessing preprocessing;
  preprocessing.eval_size = 32;
  preprocessing.eval_resize = 40;
  preprocessing.mean = {0, 0, 0};
  std::vector<float> output(view_count(TestViews::kTenCrop) * 32 * 32 * 3);
  preprocess_views(encode_png(ramp), "ramp", preprocessing, TestViews::kTenCrop, output);
  const std::pair<int, int> corners[] = {{0, 0}, {0, 16}, {8, 0}, {8, 16}, {4, 8}};
  for (int view = 0; view < 5; ++view) {
    const float* plain = &output[view * 32 * 32 * 3];
    const float* mirrored = &output[(view + 5) * 32 * 32 * 3];
    EXPECT_EQ(plain[0], corners[view].first) << view;
    EXPECT_EQ(plain[1], corners[view].second) << view;
    EXPECT_EQ(mirrored[0], corners[view].first) << view;
    EXPECT_EQ(mirrored[1], corners[view].second + 31) << view;
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

TEST(Preprocess, FastDecodingKeepsTheGeometryOfEveryFamily) {
  const Bytes bytes = smooth_jpeg(160, 220);
  for (const char* type : {"imagenet_32", "reid_32", "inception_32"}) {
    for (const bool antialias : {false, true}) {
      Preprocessing preprocessing = Preprocessing::from_type(type);
      preprocessing.antialias = antialias;
      preprocessing.pad_to_square = preprocessing.family == PreprocessingFamily::kReid && antialias;
      const size_t eval_pixels = size_t{3} * preprocessing.eval_size * preprocessing.eval_size;
      std::vector<float> exact(eval_pixels), fast(exact);
      preprocess_eval(bytes, "exact", preprocessing, exact);
      preprocess_eval(bytes, "fast", preprocessing, fast, Decoding::kFast);
      const double scale = preprocessing.deviation[0];
      EXPECT_LT(mean_difference(exact, fast) * scale, 6) << type << antialias;
      exact.resize(view_count(TestViews::kTenCrop) * eval_pixels);
      fast.resize(exact.size());
      preprocess_views(bytes, "exact", preprocessing, TestViews::kTenCrop, exact);
      preprocess_views(bytes, "fast", preprocessing, TestViews::kTenCrop, fast, Decoding::kFast);
      EXPECT_LT(mean_difference(exact, fast) * scale, 6) << type << antialias;
    }
  }
}

TEST(Preprocess, RefusesOutputOfAnotherSize) {
  std::vector<float> output(5);
  EXPECT_THAT(error_of<UsageError>([&] { preprocess_eval({}, "x", Preprocessing{}, output); }),
              HasSubstr("output of 5 floats, expected 150528"));
}

}  // namespace
}  // namespace assemble
