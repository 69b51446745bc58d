// SPDX-License-Identifier: Apache-2.0
// Random numbers and pixels are promised to be the same on every processor. Their digests are those of x86-64; 64-bit
// ARM is held against them by scripts/aarch64.sh.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "assemble/core/checksum.h"
#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/image/corruptions.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/fractals.h"
#include "assemble/image/perturbations.h"
#include "assemble/image/preprocess.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Digests of results by name, held against the stored ones at the end.
class Digests {
 public:
  explicit Digests(std::string topic) : topic_(std::move(topic)) {}
  ~Digests() {
    const auto all = nlohmann::json::parse(test::read_text(test::stored_golden("same_bits.json")));
    const nlohmann::json stored = all.value(topic_, nlohmann::json::object());
    for (const auto& [name, digest] : digests_.items()) {
      EXPECT_EQ(stored.value(name, ""), digest.get<std::string>()) << topic_ << ": " << name;
    }
    EXPECT_EQ(stored.size(), digests_.size()) << topic_;
  }
  Digests(const Digests&) = delete;
  Digests& operator=(const Digests&) = delete;

  template <typename Value>
  void add(const std::string& name, const std::vector<Value>& values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    digests_[name] = content_hash(std::span(bytes, values.size() * sizeof(Value)));
  }
  void add(const std::string& name, const std::vector<Image>& images) {
    std::vector<uint8_t> all;
    for (const Image& image : images) all.insert(all.end(), image.pixels.begin(), image.pixels.end());
    add(name, all);
  }

 private:
  std::string topic_;
  nlohmann::json digests_ = nlohmann::json::object();
};

/// Slopes, edges and noise, of whole numbers alone.
Image picture(int height, int width) {
  Image image = Image::create(height, width);
  Random random(5, RandomPurpose::kDraw);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < Image::kChannels; ++c) {
        const int edge = (x / 16 + y / 16) % 2 * 60, noise = static_cast<int>(random.integer(24));
        image.row(y)[x * Image::kChannels + c] = static_cast<uint8_t>((x + 2 * y + 40 * c) % 160 + edge + noise);
      }
    }
  }
  return image;
}

template <typename Draw>
std::vector<double> draws(Draw draw) {
  Random random(1, RandomPurpose::kAugment, 2, 3);
  std::vector<double> values(5000);
  for (double& value : values) value = draw(random);
  return values;
}

TEST(SameBits, RandomNumbers) {
  Digests digests("random");
  digests.add("uniform", draws([](Random& random) { return random.uniform(-1, 3); }));
  digests.add("integer", draws([](Random& random) { return static_cast<double>(random.integer(1000003)); }));
  digests.add("normal", draws([](Random& random) { return random.normal(); }));
  for (const double shape : {0.2, 1.0, 4.5}) {
    digests.add(concat("gamma ", shape), draws([&](Random& random) { return random.gamma(shape); }));
    digests.add(concat("beta ", shape), draws([&](Random& random) { return random.beta(shape, 0.7); }));
  }
  Random random(1, RandomPurpose::kCorrupt);
  std::vector<float> values(100003);
  random.fill_uniform(values);
  digests.add("fill_uniform", values);
  random.fill_normal(values);
  digests.add("fill_normal", values);
  digests.add("permutation", random_permutation(5000, random));
}

TEST(SameBits, Corruptions) {
  Digests digests("corruptions");
  const Image image = picture(48, 56);
  for (const std::string& name : all_corruption_names()) {
    std::vector<Image> results;
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      results.push_back(corrupt(image, name, severity, 3));
    }
    digests.add(name, results);
  }
  digests.add("drawn frost", *drawn_frost_textures());
  digests.add("frost enlarged", std::vector{corrupt(picture(530, 600), "frost", 2, 1)});
}

TEST(SameBits, Perturbations) {
  Digests digests("perturbations");
  const Image image = picture(72, 88);
  for (const std::string& name : perturbation_names()) digests.add(name, perturb(image, name, 1, {2, 56}));
}

/// What a network sees of an image in training.
std::vector<float> trained_on(const Preprocessing& preprocessing, const Augmentation& augmentation) {
  static const Bytes encoded = encode_png(picture(90, 120));
  const size_t length = size_t{3} * preprocessing.train_size * preprocessing.train_size * augmentation.views();
  std::vector<float> all, output(length);
  for (uint64_t sample = 0; sample < 6; ++sample) {
    Random random(3, RandomPurpose::kAugment, 0, sample);
    preprocess_train(encoded, "picture", {}, preprocessing, augmentation, random, output);
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

TEST(SameBits, Augmentations) {
  Digests digests("augmentations");
  const Preprocessing imagenet = Preprocessing::from_type("imagenet_64");
  for (const char* name : {"imagenet", "good", "cifar10", "svhn", "v0", "trivial-wide", "rand", "rand-m15-n3"}) {
    Augmentation augmentation;
    augmentation.set_operations(name);
    digests.add(name, trained_on(imagenet, augmentation));
  }
  Augmentation jitter, erasing, aug_mix, pix_mix;
  jitter.color_jitter = 0.4;
  erasing.erasing.probability = 0.9;
  aug_mix.aug_mix.severity = 3;
  aug_mix.aug_mix.views = 3;
  pix_mix.pix_mix.rounds = 4;
  pix_mix.pictures = std::make_shared<std::vector<Image>>(draw_fractals(3, 64, 7));
  digests.add("color jitter", trained_on(imagenet, jitter));
  digests.add("erasing", trained_on(imagenet, erasing));
  digests.add("AugMix", trained_on(imagenet, aug_mix));
  digests.add("PixMix", trained_on(imagenet, pix_mix));
  for (const char* type : {"imagenet_64_80a", "reid_64", "inception_64", "torchvision_64", "torchvision_64_bicubic"}) {
    digests.add(type, trained_on(Preprocessing::from_type(type), {}));
  }
}

TEST(SameBits, Evaluation) {
  Digests digests("evaluation");
  for (const char* type : {"imagenet_64", "reid_64", "inception_64", "torchvision_64", "torchvision_64_bicubic"}) {
    const Preprocessing preprocessing = Preprocessing::from_type(type);
    const size_t side = static_cast<size_t>(preprocessing.eval_size);
    std::vector<float> output(3 * side * side);
    preprocess_eval(picture(90, 131), preprocessing, output);
    digests.add(type, output);
  }
}

TEST(SameBits, Files) {
  Digests digests("files");
  const Image image = picture(75, 101);
  for (const int quality : {7, 25, 95}) {
    const Bytes bytes = encode_jpeg(image, quality);
    digests.add(concat("JPEG of quality ", quality), bytes);
    digests.add(concat("pixels of quality ", quality), std::vector{decode_image(bytes, "picture")});
  }
}

TEST(SameBits, DrawnImages) {
  Digests digests("drawn");
  std::vector<Image> images;
  for (int64_t label = 0; label < static_cast<int64_t>(drawn_classes().size()); ++label) {
    Random random(1, RandomPurpose::kDraw, 0, static_cast<uint64_t>(label));
    images.push_back(draw_image(label, 64, random));
  }
  digests.add("data set", images);
  digests.add("fractals", draw_fractals(3, 64, 1));
}

}  // namespace
}  // namespace assemble
