// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "../image/sample_images.h"
#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/data/build.h"
#include "assemble/data/dataset.h"
#include "assemble/data/manifest.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tfrecord.h"
#include "meeting.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// 2 classes; 5 training and 2 validation images of each, and one broken training image.
void write_raw(const fs::path& raw) {
  for (const char* name : {"cat", "dog"}) {
    for (int i = 0; i < 7; ++i) {
      const fs::path folder = raw / (i < 5 ? "train" : "val") / name;
      make_directories(folder);
      write_file(folder / concat(i, ".jpg"), encode_jpeg(test::wavy_image(20, 30, static_cast<uint64_t>(i)), 80));
    }
  }
  write_file(raw / "train/cat/broken.jpg", std::string_view("no image"));
}

std::multiset<Bytes> contents(const Dataset& data, int64_t label) {
  std::multiset<Bytes> result;
  for (int64_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.read(i);
    if (sample.label == label && sample.encoded.size() > 8) result.insert(sample.encoded);
  }
  return result;
}

TEST(BuildRecords, KeepsEveryImageWithItsLabel) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 3, .validation_shards = 1, .seed = 2};
  ::testing::internal::CaptureStderr();
  const BuildReport report = build_records("folder", folder / "raw", folder / "out", options);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("broken.jpg: no image of a known format"));
  EXPECT_EQ(report.train_images, 10);
  EXPECT_EQ(report.validation_images, 4);
  EXPECT_EQ(report.skipped, 1);
  EXPECT_EQ(report.classes, 2);
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    const auto raw = open_dataset(folder / "raw", split), built = open_dataset(folder / "out", split);
    EXPECT_THAT(built->class_names(), ElementsAre("cat", "dog"));
    for (const int64_t label : {0, 1}) EXPECT_EQ(contents(*built, label), contents(*raw, label));
  }
}

TEST(BuildRecords, ASplitOfWhichNothingCanBeReadIsAnError) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  for (const auto& file : fs::recursive_directory_iterator(folder / "raw/val")) {
    if (file.is_regular_file()) write_file(file.path(), std::string_view("no image"));
  }
  const BuildOptions options{.train_shards = 1, .validation_shards = 2};
  EXPECT_THAT(error_of<InputError>([&] { build_records("folder", folder / "raw", folder / "out", options); }),
              HasSubstr("like all of the 4 images of the split validation, cannot be read"));
  EXPECT_FALSE(fs::exists(folder / "out/dataset.json"));
  write_raw(folder / "raw");
  EXPECT_EQ(build_records("folder", folder / "raw", folder / "out", options).validation_images, 4);
}

TEST(BuildRecords, StoresTheOriginalsFields) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  build_records("folder", folder / "raw", folder / "out", {.train_shards = 1, .validation_shards = 1});
  const TfRecordReader reader(folder / "out/validation-00000-of-00001");
  const Example example = parse_example(reader.read(reader.index().at(2)), "record");
  using Texts = std::vector<std::string>;
  using Integers = std::vector<int64_t>;
  EXPECT_EQ(std::get<Texts>(example.at("image/filename")), Texts{"5.jpg"});
  EXPECT_EQ(std::get<Texts>(example.at("image/format")), Texts{"JPEG"});
  EXPECT_EQ(std::get<Texts>(example.at("image/class/text")), Texts{"dog"});
  EXPECT_EQ(std::get<Integers>(example.at("image/class/label")), Integers{1});
  EXPECT_EQ(std::get<Integers>(example.at("image/height")), Integers{20});
  EXPECT_EQ(std::get<Integers>(example.at("image/width")), Integers{30});
}

TEST(BuildRecords, IsTheSameForAnyThreadsAndShuffledBySeed) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  BuildOptions options{.train_shards = 2, .validation_shards = 2, .seed = 1, .threads = 1};
  build_records("folder", folder / "raw", folder / "one", options);
  options.threads = 3;
  build_records("folder", folder / "raw", folder / "three", options);
  options.seed = 9;
  build_records("folder", folder / "raw", folder / "nine", options);
  const char* shard = "train-00001-of-00002";
  EXPECT_EQ(read_file(folder / "one" / shard), read_file(folder / "three" / shard));
  EXPECT_NE(read_file(folder / "one" / shard), read_file(folder / "nine" / shard));
}

TEST(BuildRecords, RefusesToMixSetsAndWrongOptions) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  build_records("folder", folder / "raw", folder / "out", {.train_shards = 2, .validation_shards = 1});
  EXPECT_NO_THROW(build_records("folder", folder / "raw", folder / "out", {.train_shards = 2, .validation_shards = 1}));
  EXPECT_THAT(error_of<UsageError>([&] {
                build_records("folder", folder / "raw", folder / "out", {.train_shards = 3, .validation_shards = 1});
              }),
              HasSubstr("belongs to another set of records"));
  EXPECT_THROW(build_records("folder", folder / "raw", folder / "o", {.train_shards = -1}), UsageError);
  EXPECT_THROW(build_records("folder", folder / "missing", folder / "o", {}), InputError);
}

TEST(BuildRecords, ReplacesNoSetOfOtherImagesOrOptions) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const fs::path out = folder / "out";
  const BuildOptions options{.train_shards = 2, .validation_shards = 1};
  BuildOptions other = options;
  other.seed = 5;
  build_records("folder", folder / "raw", out, options);
  const Bytes shard = read_file(out / "train-00000-of-00002");
  EXPECT_THAT(error_of<UsageError>([&] { build_records("folder", folder / "raw", out, other); }),
              HasSubstr("dataset.json: is of a set built of other images, or with other options"));
  write_file(out / "dataset.json", std::string_view("{"));
  EXPECT_THROW(build_records("folder", folder / "raw", out, options), UsageError) << "what it is of cannot be told";
  fs::remove(out / "dataset.json");
  EXPECT_THAT(error_of<UsageError>([&] { build_records("folder", folder / "raw", out, options); }),
              HasSubstr("classes.txt: is there already"));
  fs::remove(out / "classes.txt");
  EXPECT_THAT(error_of<UsageError>([&] { build_records("folder", folder / "raw", out, options); }),
              HasSubstr("train-00000-of-00002: is there already"));
  write_file(out / ".build.json", std::string_view("{\"fingerprint\":\"1\"}"));
  EXPECT_THAT(error_of<UsageError>([&] { build_records("folder", folder / "raw", out, options); }),
              HasSubstr("is of an interrupted build of other images"));
  EXPECT_EQ(read_file(out / "train-00000-of-00002"), shard);
}

TEST(BuildRecords, FullDiskIsARunErrorThatLeavesNoShard) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  {
    const test::FileSizeLimit limit(2000);
    EXPECT_THROW(build_records("folder", folder / "raw", folder / "out", {.train_shards = 1, .validation_shards = 1}),
                 RunError);
  }
  for (const auto& entry : fs::directory_iterator(folder / "out")) EXPECT_EQ(entry.path().filename(), ".build.json");
}

TEST(BuildRecords, WritesAManifestThatFindsDamage) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  build_records("folder", folder / "raw", folder / "out", {.train_shards = 2, .validation_shards = 1, .seed = 4});
  const Manifest manifest = read_manifest(folder / "out").value();
  EXPECT_EQ(manifest.name, "folder");
  EXPECT_EQ(manifest.seed, 4u);
  EXPECT_EQ(manifest.train.images, 10);
  EXPECT_EQ(manifest.train.skipped, 1);
  EXPECT_EQ(manifest.validation.images, 4);
  ASSERT_EQ(manifest.train.shards.size(), 2u);
  EXPECT_EQ(manifest.train.shards[0].images + manifest.train.shards[1].images, 10);
  EXPECT_TRUE(verify_manifest(folder / "out", manifest).empty());
  Bytes shard = read_file(folder / "out/train-00001-of-00002");
  EXPECT_EQ(crc32c(shard), manifest.train.shards[1].crc32c);
  shard[100] ^= 1;
  write_file(folder / "out/train-00001-of-00002", shard);
  fs::remove(folder / "out/validation-00000-of-00001");
  const std::vector<std::string> differences = verify_manifest(folder / "out", manifest);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_THAT(differences[0], HasSubstr("the checksum does not match"));
  EXPECT_THAT(differences[1], HasSubstr("validation-00000-of-00001"));
  fs::remove(folder / "out/classes.txt");
  EXPECT_THAT(open_dataset(folder / "out", Split::kTrain)->class_names(), ElementsAre("cat", "dog"));
  EXPECT_THAT(error_of<InputError>([] { Manifest::from_json("{}", "m.json"); }),
              HasSubstr("m.json: is not a manifest"));
}

TEST(BuildRecords, GoesOnAfterAKill) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 3, .validation_shards = 1, .seed = 4};
  build_records("folder", folder / "raw", folder / "whole", options);
  {
    const test::FileSizeLimit limit(3000);  // stops the build where shards grow beyond it
    EXPECT_THROW(build_records("folder", folder / "raw", folder / "out", options), RunError);
  }
  fs::copy(folder / "whole/train-00001-of-00003", folder / "out/train-00001-of-00003");
  const BuildReport report = build_records("folder", folder / "raw", folder / "out", options);
  EXPECT_GE(report.resumed, 1);
  EXPECT_EQ(report.skipped, 1);
  for (const char* file : {"train-00000-of-00003", "train-00002-of-00003", "dataset.json", "classes.txt"}) {
    EXPECT_EQ(read_file(folder / "out" / file), read_file(folder / "whole" / file)) << file;
  }
  EXPECT_FALSE(fs::exists(folder / "out/.build.json"));
  EXPECT_EQ(build_records("folder", folder / "raw", folder / "out", options).resumed, 0) << "a finished set is anew";
}

TEST(BuildRecords, SeveralProcessesWriteWhatOneWrites) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 3, .validation_shards = 1, .seed = 4, .threads = 1};
  const BuildReport alone = build_records("folder", folder / "raw", folder / "whole", options);
  const std::vector<std::string> files{"train-00000-of-00003",      "train-00001-of-00003", "train-00002-of-00003",
                                       "validation-00000-of-00001", "dataset.json",         "classes.txt"};
  for (const int world : {2, 5}) {
    const fs::path out = folder / concat("by", world);
    test::in_threads(world, [&](Exchange& ranks) {
      const BuildReport report = build_records("folder", folder / "raw", out, options, ranks);
      EXPECT_EQ(report.train_images, alone.train_images);
      EXPECT_EQ(report.skipped, 1);
      EXPECT_EQ(report.resumed, 0);
    });
    for (const std::string& file : files) EXPECT_EQ(read_file(out / file), read_file(folder / "whole" / file)) << file;
    EXPECT_FALSE(fs::exists(out / ".build.json"));
  }
}

TEST(BuildRecords, SeveralProcessesGoOnAfterAKill) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 3, .validation_shards = 1, .seed = 4, .threads = 1};
  build_records("folder", folder / "raw", folder / "whole", options);
  {
    const test::FileSizeLimit limit(3000);
    EXPECT_THROW(build_records("folder", folder / "raw", folder / "out", options), RunError);
  }
  const Bytes kept = read_file(folder / "whole/train-00001-of-00003");
  write_file(folder / "out/train-00001-of-00003", kept);
  test::in_threads(2, [&](Exchange& ranks) {
    EXPECT_GE(build_records("folder", folder / "raw", folder / "out", options, ranks).resumed, 1);
  });
  EXPECT_EQ(read_file(folder / "out/dataset.json"), read_file(folder / "whole/dataset.json"));
}

TEST(BuildRecords, ARankWithOtherImagesOrAnotherFolderIsNamed) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 2, .validation_shards = 1, .threads = 1};
  test::in_threads(2, [&](Exchange& ranks) {
    BuildOptions own = options;
    own.max_side = ranks.rank() == 0 ? 0 : 20;
    EXPECT_THAT(error_of<UsageError>([&] { build_records("folder", folder / "raw", folder / "out", own, ranks); }),
                HasSubstr("rank 1: has other options or data than rank 0"));
  });
  EXPECT_FALSE(fs::exists(folder / "out"));
  test::in_threads(2, [&](Exchange& ranks) {
    const fs::path out = folder / concat("out", ranks.rank());
    if (ranks.is_first()) {
      make_directories(out);
      // Of a process that ends, real ones are told; a thread is not.
      EXPECT_THROW(build_records("folder", folder / "raw", out, options, ranks), std::exception);
    } else {
      EXPECT_THAT(error_of<RunError>([&] { build_records("folder", folder / "raw", out, options, ranks); }),
                  HasSubstr("is not the folder in which rank 0 has begun (give a folder that is the same"));
    }
  });
}

/// The only record of a set built of one training file.
Example built_from(const std::string& file, const Bytes& bytes, const BuildOptions& options) {
  TemporaryFolder folder;
  for (const char* split : {"raw/train/a", "raw/val/a"}) {
    make_directories(folder / split);
    write_file(folder / split / file, bytes);
  }
  BuildOptions one = options;
  one.train_shards = one.validation_shards = 1;
  build_records("folder", folder / "raw", folder / "out", one);
  const TfRecordReader reader(folder / "out/train-00000-of-00001");
  return parse_example(reader.read(reader.index().at(0)), "record");
}

Bytes encoded_of(const Example& example) {
  const std::string& text = std::get<std::vector<std::string>>(example.at("image/encoded")).front();
  return {text.begin(), text.end()};
}

TEST(BuildRecords, RepairsPngNamedJpegAndCmyk) {
  const Image image = test::wavy_image(24, 32);
  const Bytes png = encode_png(image);
  EXPECT_EQ(encoded_of(built_from("a.png", png, {})), png);
  const Bytes repaired = encoded_of(built_from("a.JPEG", png, {}));
  EXPECT_EQ(repaired, encode_jpeg(image, 100));
  test::JpegSettings settings;
  settings.components = 4;
  const Bytes cmyk = test::make_jpeg(image, settings);
  EXPECT_EQ(encoded_of(built_from("a.jpg", cmyk, {})), encode_jpeg(decode_image(cmyk, "cmyk"), 100));
}

TEST(BuildRecords, ScalesDownToTheLongerSide) {
  const Bytes large = encode_jpeg(test::wavy_image(40, 60), 90), small = encode_jpeg(test::wavy_image(20, 30), 90);
  const BuildOptions options{.max_side = 30};
  EXPECT_EQ(encoded_of(built_from("a.jpg", small, options)), small);
  const Example example = built_from("a.jpg", large, options);
  const ImageSize size = read_image_size(encoded_of(example), "scaled");
  EXPECT_EQ(size.height, 20);
  EXPECT_EQ(size.width, 30);
  EXPECT_EQ(std::get<std::vector<int64_t>>(example.at("image/height")).front(), 20);
}

TEST(BuildRecords, QualityEncodesAnewWhatBecomesSmaller) {
  const Image image = test::wavy_image(48, 64);
  const Bytes fine = encode_jpeg(image, 98), coarse = encode_jpeg(image, 40), png = encode_png(image);
  const BuildOptions options{.quality = 80};
  EXPECT_EQ(encoded_of(built_from("a.jpg", fine, options)), encode_jpeg(decode_image(fine, "fine"), 80));
  EXPECT_EQ(encoded_of(built_from("a.jpg", coarse, options)), coarse);
  EXPECT_EQ(encoded_of(built_from("a.JPEG", png, options)), encode_jpeg(image, 80));
  const Example scaled = built_from("a.jpg", fine, {.max_side = 32, .quality = 80});
  EXPECT_LT(encoded_of(scaled).size(), encoded_of(built_from("a.jpg", fine, {.max_side = 32})).size());
}

TEST(BuildRecords, SeekableRewritesJpegsAlone) {
  const Image image = test::wavy_image(48, 64);
  const Bytes jpeg = encode_jpeg(image, 90), png = encode_png(image);
  const BuildOptions options{.seekable = true};
  EXPECT_EQ(encoded_of(built_from("a.png", png, options)), png);
  EXPECT_EQ(encoded_of(built_from("a.jpg", jpeg, options)), seekable_jpeg(jpeg, "a.jpg"));
}

}  // namespace
}  // namespace assemble
