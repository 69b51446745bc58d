// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupt_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/data/open_images.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "drawn_data.h"
#include "memory_dataset.h"

namespace assemble {
namespace {

using testing::HasSubstr;

CorruptSetOptions small_options() {
  CorruptSetOptions options;
  options.corruptions = {"gaussian_noise", "contrast"};
  options.severities = {1, 5};
  options.resize = 28;
  options.crop = 24;
  options.threads = 1;
  return options;
}

/// Every file below a folder and its contents.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[entry.path().lexically_relative(folder).string()] = test::read_text(entry.path());
    }
  }
  return files;
}

std::unique_ptr<Dataset> validation() { return open_dataset(test::drawn_data(), Split::kValidation); }

nlohmann::json manifest(const fs::path& folder) {
  return nlohmann::json::parse(test::read_text(folder / kCorruptSetManifest));
}

TEST(CorruptSet, WritesThePublishedLayout) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  const DerivedReport report = corrupt_dataset(*dataset, folder / "c", small_options());
  EXPECT_EQ(report.written, 24 * 4);
  EXPECT_EQ(report.kept, 0);
  EXPECT_TRUE(report.unreadable.empty());
  EXPECT_THAT(test::list_files(folder / "c"), testing::ElementsAre("contrast", "corruptions.json", "gaussian_noise"));
  EXPECT_THAT(test::list_files(folder / "c/contrast"), testing::ElementsAre("1", "5"));
  // A set of one corruption and severity is a data set itself.
  const auto stored = open_dataset(folder / "c/contrast/5", Split::kValidation);
  EXPECT_EQ(stored->class_names(), dataset->class_names());
  ASSERT_EQ(stored->size(), dataset->size());
  const Sample sample = stored->read(0);
  EXPECT_THAT(sample.name, testing::EndsWith(".JPEG"));
  const Image image = decode_image(sample.encoded, sample.name);
  EXPECT_EQ(image.height, 24);
  EXPECT_EQ(image.width, 24);
  const nlohmann::json record = manifest(folder / "c");
  EXPECT_EQ(record.at("resize"), 28);
  EXPECT_EQ(record.at("crop"), 24);
  EXPECT_EQ(record.at("quality"), 85);
  EXPECT_EQ(record.at("frost"), "drawn");
  EXPECT_EQ(record.at("complete"), true);
  EXPECT_EQ(record.at("corruptions"), nlohmann::json({"gaussian_noise", "contrast"}));
}

TEST(CorruptSet, PngHoldsWhatCorruptGives) {
  const test::TemporaryFolder folder;
  CorruptSetOptions options = small_options();
  options.format = CorruptFormat::kPng;
  options.resize = options.crop = 0;
  options.seed = 3;
  const auto dataset = validation();
  corrupt_dataset(*dataset, folder / "c", options);
  const auto stored = open_dataset(folder / "c/gaussian_noise/5", Split::kValidation);
  const Sample clean = dataset->read(4), corrupted = stored->read(4);
  CorruptOptions corruption;
  corruption.seed = 3;
  EXPECT_EQ(decode_image(corrupted.encoded, corrupted.name).pixels,
            corrupt(decode_image(clean.encoded, clean.name), "gaussian_noise", 5, 4, corruption).pixels);
}

TEST(CorruptSet, IsTheSameOnAnyNumberOfThreads) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  CorruptSetOptions options = small_options();
  corrupt_dataset(*dataset, folder / "one", options);
  options.threads = 3;
  corrupt_dataset(*dataset, folder / "three", options);
  EXPECT_EQ(contents(folder / "one"), contents(folder / "three"));
}

TEST(CorruptSet, GoesOnWhereItStopped) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  corrupt_dataset(*dataset, folder / "c", small_options());
  const auto whole = contents(folder / "c");
  const auto [first, second] = std::pair(std::next(whole.begin(), 3)->first, std::next(whole.begin(), 40)->first);
  fs::remove(folder / "c" / first);
  test::write_bytes(folder / "c" / second, Bytes{0xFF, 0xD8, 0});  // what a power cut leaves
  const DerivedReport report = corrupt_dataset(*dataset, folder / "c", small_options());
  EXPECT_EQ(report.written, 2);
  EXPECT_EQ(report.kept, 24 * 4 - 2);
  EXPECT_EQ(contents(folder / "c"), whole);
}

TEST(CorruptSet, CanBeExtendedButNotMixed) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  CorruptSetOptions options = small_options();
  corrupt_dataset(*dataset, folder / "c", options);
  options.corruptions = {"fog"};
  options.severities = {2};
  EXPECT_EQ(corrupt_dataset(*dataset, folder / "c", options).written, 24);
  EXPECT_EQ(manifest(folder / "c").at("corruptions"), nlohmann::json({"gaussian_noise", "fog", "contrast"}));
  options.crop = 20;
  EXPECT_THAT(test::error_of<UsageError>([&] { corrupt_dataset(*dataset, folder / "c", options); }),
              HasSubstr("was made with crop 24, not 20"));
}

TEST(CorruptSet, RefusesTheFolderOfTheDataSet) {
  const auto dataset = validation();
  for (const fs::path& folder : {fs::path(dataset->where()), fs::path(dataset->where()) / "c"}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { corrupt_dataset(*dataset, folder, small_options()); }),
                HasSubstr("would mix"));
  }
}

TEST(CorruptSet, RefusesWrongOptions) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  CorruptSetOptions options = small_options();
  options.corruptions = {"mist"};
  EXPECT_THROW(corrupt_dataset(*dataset, folder / "c", options), UsageError);
  options = small_options();
  options.severities = {6};
  EXPECT_THROW(corrupt_dataset(*dataset, folder / "c", options), UsageError);
  options.severities = {};
  EXPECT_THROW(corrupt_dataset(*dataset, folder / "c", options), UsageError);
  EXPECT_FALSE(fs::exists(folder / "c"));
}

TEST(CorruptSet, LeavesOutAndNamesUnreadableAndTooSmallImages) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data/class");
  const Image large{30, 30, std::vector<uint8_t>(2700, 9)}, small{10, 10, std::vector<uint8_t>(300, 9)};
  test::write_bytes(folder / "data/class/good.png", encode_png(large));
  test::write_bytes(folder / "data/class/small.png", encode_png(small));
  test::write_bytes(folder / "data/class/broken.png", Bytes{1, 2, 3});
  CorruptSetOptions options = small_options();
  options.resize = 0;
  const auto dataset = open_dataset(folder / "data", Split::kValidation);
  const DerivedReport report = corrupt_dataset(*dataset, folder / "c", options);
  EXPECT_EQ(report.written, 4);
  ASSERT_EQ(report.unreadable.size(), 2u);
  EXPECT_THAT(report.unreadable[0], HasSubstr("broken.png"));
  EXPECT_THAT(report.unreadable[1], HasSubstr("small.png"));
  EXPECT_EQ(manifest(folder / "c").at("complete"), false);
}

TEST(CorruptSet, RefusesImagesThatDifferInTheirExtensionAlone) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data/class");
  const Image image{30, 30, std::vector<uint8_t>(2700, 9)};
  test::write_bytes(folder / "data/class/a.png", encode_png(image));
  test::write_bytes(folder / "data/class/a.jpg", encode_jpeg(image, 90));
  const auto dataset = open_dataset(folder / "data", Split::kValidation);
  EXPECT_THAT(test::error_of<InputError>([&] { corrupt_dataset(*dataset, folder / "c", small_options()); }),
              HasSubstr("same name"));
}

TEST(CorruptSet, RefusesImagesThatDifferInCaseAlone) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data/class");
  const Image image{30, 30, std::vector<uint8_t>(2700, 9)};
  test::write_bytes(folder / "data/class/a.png", encode_png(image));
  test::write_bytes(folder / "data/class/A.png", encode_png(image));
  const auto dataset = open_dataset(folder / "data", Split::kValidation);
  EXPECT_THAT(test::error_of<InputError>([&] { corrupt_dataset(*dataset, folder / "c", small_options()); }),
              HasSubstr("upper and lower case"));
  EXPECT_FALSE(fs::exists(folder / "c"));
}

TEST(CorruptSet, NeitherLiesInTheOther) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data");
  fs::copy(test::drawn_data() / "validation", folder / "data/set", fs::copy_options::recursive);
  fs::create_directory_symlink(folder / "data/set", folder / "link");
  const auto dataset = open_dataset(folder / "link", Split::kValidation);
  for (const char* output : {"link/c", "data/set/deep/c", "data", "data/set/../set/c"}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { corrupt_dataset(*dataset, folder / output, small_options()); }),
                HasSubstr("would mix"))
        << output;
  }
  EXPECT_EQ(corrupt_dataset(*dataset, folder / "data/set-c", small_options()).written, 96);
}

TEST(CorruptSet, FoldersOfOthersAreNotTakenForItsOwn) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  fs::create_directories(folder / "c/contrast/1");
  test::write_bytes(folder / "c/contrast/1/photo.JPEG", Bytes{1});
  EXPECT_THAT(test::error_of<UsageError>([&] { corrupt_dataset(*dataset, folder / "c", small_options()); }),
              HasSubstr("no corruptions.json"));
  EXPECT_THAT(test::list_files(folder / "c"), testing::ElementsAre("contrast"));
}

TEST(CorruptSet, FilesOfAnotherSizeAreMadeAgain) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  corrupt_dataset(*dataset, folder / "c", small_options());
  const auto whole = contents(folder / "c");
  const std::string first = std::next(whole.begin(), 3)->first, second = std::next(whole.begin(), 40)->first;
  test::write_bytes(folder / "c" / first, encode_jpeg({30, 30, std::vector<uint8_t>(2700, 9)}, 90));
  test::write_bytes(folder / "c" / second, encode_png({24, 24, std::vector<uint8_t>(1728, 9)}));
  EXPECT_EQ(corrupt_dataset(*dataset, folder / "c", small_options()).written, 2);
  EXPECT_EQ(contents(folder / "c"), whole);
}

TEST(CorruptSet, OtherImagesNeedAnotherFolder) {
  const test::TemporaryFolder folder;
  fs::copy(test::drawn_data() / "validation", folder / "data", fs::copy_options::recursive);
  CorruptSetOptions options = small_options();
  options.split = "validation";
  corrupt_dataset(*open_dataset(folder / "data", Split::kValidation), folder / "c", options);
  options.split = "train";
  const auto again = [&] {
    corrupt_dataset(*open_dataset(folder / "data", Split::kValidation), folder / "c", options);
  };
  EXPECT_THAT(test::error_of<UsageError>(again), HasSubstr("was made with split \"validation\", not \"train\""));
  options.split = "validation";
  const fs::path file = *fs::recursive_directory_iterator(fs::directory_iterator(folder / "data")->path());
  fs::rename(file, file.parent_path() / "renamed.png");
  EXPECT_THAT(test::error_of<UsageError>(again), HasSubstr("images of other names"));
}

/// Images that are no files, of classes of these names.
class NamedClasses : public test::MemoryDataset {
 public:
  explicit NamedClasses(std::vector<std::string> names) : MemoryDataset(3), names_(std::move(names)) {}
  const std::vector<std::string>& class_names() const override { return names_; }

 private:
  std::vector<std::string> names_;
};

TEST(CorruptSet, ClassesOfRecordsNeedFoldersOfTheirOwn) {
  const test::TemporaryFolder folder;
  const auto error = [&](const std::vector<std::string>& names) {
    return test::error_of<InputError>([&] { corrupt_dataset(NamedClasses(names), folder / "c", small_options()); });
  };
  EXPECT_THAT(error({"crane", "heron", "crane"}), HasSubstr("classes 'crane' and 'crane' would share a folder"));
  EXPECT_THAT(error({"Crane", "heron", "crane"}), HasSubstr("would share a folder"));
  EXPECT_THAT(error({"a", "../b", "c"}), HasSubstr("class '../b' cannot be the name of a folder"));
  EXPECT_FALSE(fs::exists(folder / "c"));
  EXPECT_EQ(corrupt_dataset(NamedClasses({"a", "b", "c"}), folder / "c", small_options()).written, 12);
  EXPECT_TRUE(fs::exists(folder / "c/contrast/1/b/image_00000001.JPEG"));
}

TEST(CorruptSet, ImagesWithoutClassesKeepTheirPaths) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data/deep/er");
  const Image image{30, 30, std::vector<uint8_t>(2700, 9)};
  test::write_bytes(folder / "data/a.png", encode_png(image));
  test::write_bytes(folder / "data/deep/er/b.c.png", encode_png(image));
  const DerivedReport report =
      corrupt_dataset(*open_images(folder / "data", std::nullopt), folder / "c", small_options());
  EXPECT_EQ(report.written, 8);
  EXPECT_TRUE(fs::exists(folder / "c/contrast/1/a.JPEG"));
  EXPECT_TRUE(fs::exists(folder / "c/contrast/5/deep/er/b.c.JPEG"));
  EXPECT_EQ(corrupt_dataset(*open_images(folder / "data/a.png", std::nullopt), folder / "one", small_options()).written,
            4);
  EXPECT_TRUE(fs::exists(folder / "one/contrast/1/a.JPEG"));
}

TEST(CorruptSet, ALineThatIsTooLongIsLeftOutAndNamed) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "data/class");
  test::write_bytes(folder / "data/class/good.png", encode_png({30, 30, std::vector<uint8_t>(2700, 9)}));
  test::write_bytes(folder / "data/class/line.png", encode_png({1, 65535, std::vector<uint8_t>(196605, 9)}));
  CorruptSetOptions options = small_options();
  options.corruptions = {"fog"};
  options.resize = options.crop = 0;
  const DerivedReport report =
      corrupt_dataset(*open_dataset(folder / "data", Split::kValidation), folder / "c", options);
  EXPECT_EQ(report.written, 2);
  ASSERT_EQ(report.unreadable.size(), 1u);
  EXPECT_THAT(report.unreadable[0], testing::AllOf(HasSubstr("line.png"), HasSubstr("65536×65536")));
}

TEST(CorruptSet, ADamagedRecordIsNamed) {
  const test::TemporaryFolder folder;
  write_file(folder / kCorruptSetManifest, std::string_view("{\"images\": 3"));
  const auto dataset = validation();
  EXPECT_THAT(test::error_of<InputError>([&] { corrupt_dataset(*dataset, folder.path(), small_options()); }),
              HasSubstr(kCorruptSetManifest));
}

}  // namespace
}  // namespace assemble
