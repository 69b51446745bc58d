// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/perturb_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/open_images.h"
#include "assemble/image/encode.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using testing::HasSubstr;

PerturbSetOptions small_options(PerturbFormat format) {
  PerturbSetOptions options;
  options.kinds = {"gaussian_noise", "translate"};
  options.resize = 28;
  options.crop = 24;
  options.threads = 2;
  options.format = format;
  return options;
}

std::unique_ptr<Dataset> validation() { return open_dataset(test::drawn_data(), Split::kValidation); }

TEST(PerturbSet, StoredFramesAreTheMadeOnes) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  const PerturbSetOptions options = small_options(PerturbFormat::kFrames);
  const DerivedReport report = perturb_dataset(*dataset, folder / "p", options);
  EXPECT_EQ(report.written, 2 * dataset->size());
  EXPECT_THAT(test::list_files(folder / "p"),
              testing::ElementsAre("gaussian_noise", "perturbations.json", "translate"));
  for (const std::string& kind : options.kinds) {
    const auto stored = open_sequences(folder / "p", kind), made = make_sequences(*dataset, kind, options);
    ASSERT_EQ(stored->size(), made->size());
    const std::vector<Image> a = stored->read(4), b = made->read(4);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].pixels, b[i].pixels) << kind << " " << i;
  }
}

TEST(PerturbSet, GoesOnWhereItStopped) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  PerturbSetOptions options = small_options(PerturbFormat::kFrames);
  options.kinds = {"translate"};
  perturb_dataset(*dataset, folder / "p", options);
  options.kinds = {"gaussian_noise", "translate"};
  const DerivedReport report = perturb_dataset(*dataset, folder / "p", options);
  EXPECT_EQ(report.written, dataset->size());
  EXPECT_EQ(report.kept, dataset->size());
  options.seed = 1;
  EXPECT_THAT(test::error_of<UsageError>([&] { perturb_dataset(*dataset, folder / "p", options); }),
              HasSubstr("was made with seed 0, not 1"));
}

TEST(PerturbSet, VideosAreNearTheMadeFrames) {
  const test::TemporaryFolder folder;
  const auto dataset = validation();
  PerturbSetOptions options = small_options(PerturbFormat::kMp4);
  options.kinds = {"translate"};
  perturb_dataset(*dataset, folder / "p", options);
  const std::vector<Image> a = open_sequences(folder / "p", "translate")->read(0);
  const std::vector<Image> b = make_sequences(*dataset, "translate", options)->read(0);
  ASSERT_EQ(a.size(), 41u);
  double sum = 0;
  for (size_t i = 0; i < a[20].pixels.size(); ++i) sum += std::abs(a[20].pixels[i] - b[20].pixels[i]);
  EXPECT_LT(sum / static_cast<double>(a[20].pixels.size()), 6);
}

/// A folder with images of 30×30 pixels.
void write_images(const fs::path& folder, const std::vector<std::string>& files) {
  const Image image{30, 30, std::vector<uint8_t>(2700, 9)};
  for (const std::string& file : files) {
    fs::create_directories((folder / file).parent_path());
    test::write_bytes(folder / file, file.ends_with(".png") ? encode_png(image) : encode_jpeg(image, 90));
  }
}

TEST(PerturbSet, RefusesImagesThatWouldBecomeOneSequence) {
  const test::TemporaryFolder folder;
  write_images(folder / "extension", {"class/a.png", "class/a.jpg"});
  write_images(folder / "case", {"class/a.png", "class/A.png"});
  for (const char* data : {"extension", "case"}) {
    for (const PerturbFormat format : {PerturbFormat::kFrames, PerturbFormat::kMp4}) {
      const auto dataset = open_dataset(folder / data, Split::kValidation);
      EXPECT_THAT(test::error_of<InputError>([&] { perturb_dataset(*dataset, folder / "p", small_options(format)); }),
                  HasSubstr("same name"));
    }
  }
  // The frames of a.png would lie around those of a/b.png.
  write_images(folder / "around", {"a.png", "a/b.png"});
  const auto around = open_images(folder / "around", std::nullopt);
  PerturbSetOptions options = small_options(PerturbFormat::kFrames);
  EXPECT_THAT(test::error_of<InputError>([&] { perturb_dataset(*around, folder / "p", options); }),
              HasSubstr("a/b.png"));
  EXPECT_FALSE(fs::exists(folder / "p"));
  options.format = PerturbFormat::kMp4;
  options.kinds = {"translate"};
  EXPECT_EQ(perturb_dataset(*around, folder / "p", options).written, 2);
}

TEST(PerturbSet, NeitherLiesInTheOther) {
  const test::TemporaryFolder folder;
  write_images(folder / "data/set", {"class/a.png"});
  const auto dataset = open_dataset(folder / "data/set", Split::kValidation);
  for (const char* output : {"data/set", "data/set/p", "data"}) {
    EXPECT_THAT(test::error_of<UsageError>(
                    [&] { perturb_dataset(*dataset, folder / output, small_options(PerturbFormat::kFrames)); }),
                HasSubstr("would mix"))
        << output;
  }
}

TEST(PerturbSet, WhatIsThereButNotWholeIsMadeAgain) {
  const test::TemporaryFolder folder;
  write_images(folder / "data", {"class/a.png", "class/b.png", "class/c.png", "class/d.png"});
  const auto dataset = open_dataset(folder / "data", Split::kValidation);
  for (const PerturbFormat format : {PerturbFormat::kFrames, PerturbFormat::kMp4}) {
    const bool mp4 = format == PerturbFormat::kMp4;
    const fs::path out = folder / (mp4 ? "p" : "f"), kind = out / "translate/class";
    PerturbSetOptions options = small_options(format);
    options.kinds = {"translate"};
    perturb_dataset(*dataset, out, options);
    if (mp4) {
      test::write_bytes(kind / "a.mp4", {});
      const Bytes whole = read_file(kind / "b.mp4");
      test::write_bytes(kind / "b.mp4", std::span(whole).first(whole.size() / 2));
      test::write_bytes(kind / "c.mp4", Bytes(300, 7));
    } else {
      fs::remove_all(kind / "a");
      fs::create_directory(kind / "a");
      test::write_bytes(kind / "b/frame_03.png", {});
      test::write_bytes(kind / "c/frame_41.png", read_file(kind / "c/frame_40.png"));
    }
    const DerivedReport report = perturb_dataset(*dataset, out, options);
    EXPECT_EQ(report.written, 3) << mp4;
    EXPECT_EQ(report.kept, 1) << mp4;
    const auto stored = open_sequences(out, "translate");
    ASSERT_EQ(stored->size(), 4);
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(stored->read(i).size(), 41u);
  }
}

TEST(PerturbSet, FilesOfOthersAmongItsFramesStay) {
  const test::TemporaryFolder folder;
  write_images(folder / "data", {"class/a.png"});
  const auto dataset = open_dataset(folder / "data", Split::kValidation);
  PerturbSetOptions options = small_options(PerturbFormat::kFrames);
  options.kinds = {"translate"};
  perturb_dataset(*dataset, folder / "p", options);
  const fs::path frames = folder / "p/translate/class/a";
  test::write_bytes(frames / "notes.txt", Bytes{1});
  test::write_bytes(frames / "frame_03.png", {});
  EXPECT_THAT(test::error_of<RunError>([&] { perturb_dataset(*dataset, folder / "p", options); }),
              HasSubstr("class/a: cannot be put in place"));
  EXPECT_TRUE(fs::exists(frames / "notes.txt"));
  fs::remove(frames / "notes.txt");
  EXPECT_EQ(perturb_dataset(*dataset, folder / "p", options).written, 1);
}

TEST(PerturbSet, FoldersOfOthersAreNotTakenForItsOwn) {
  const test::TemporaryFolder folder;
  write_images(folder / "p", {"translate/class/a.png"});
  const auto dataset = validation();
  EXPECT_THAT(test::error_of<UsageError>(
                  [&] { perturb_dataset(*dataset, folder / "p", small_options(PerturbFormat::kFrames)); }),
              HasSubstr("no perturbations.json"));
}

TEST(PerturbSet, NamesWhatIsWrongWithAStoredSet) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of<InputError>([&] { open_sequences(folder.path(), "snow"); }),
              HasSubstr("snow: is missing"));
  fs::create_directories(folder / "snow/class");
  EXPECT_THAT(test::error_of<InputError>([&] { open_sequences(folder.path(), "snow"); }),
              HasSubstr("holds no sequences"));
  test::write_bytes(folder / "snow/class/a.mp4", std::vector<uint8_t>(100, 1));
  EXPECT_THAT(test::error_of<InputError>([&] { open_sequences(folder.path(), "snow")->read(0); }), HasSubstr("a.mp4"));

  PerturbSetOptions options = small_options(PerturbFormat::kFrames);
  options.kinds = {"snow"};
  const auto dataset = validation();
  perturb_dataset(*dataset, folder / "p", options);
  fs::path sequence;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "p/snow")) {
    if (entry.path().filename() == "frame_07.png") sequence = entry.path();
  }
  fs::remove(sequence);
  const auto stored = open_sequences(folder / "p", "snow");
  int broken = 0;
  for (int64_t i = 0; i < stored->size(); ++i) {
    try {
      stored->read(i);
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("has 30 frames, expected 31 of snow"));
      ++broken;
    }
  }
  EXPECT_EQ(broken, 1);
}

}  // namespace
}  // namespace assemble
