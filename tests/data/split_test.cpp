// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/open_images.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SplitTest : public ::testing::Test {
 protected:
  /// Files with nothing but their names in them.
  void add(const std::string& folder, int count, const std::string& prefix = "") {
    make_directories(data_ / folder);
    for (int i = 0; i < count; ++i) {
      const std::string name = concat(prefix, i, ".jpg");
      write_file(data_ / folder / name, std::string_view(folder + name));
    }
  }
  SplitPlan plan(const SplitOptions& options) const { return plan_split(data_, open_splits(data_), options); }
  std::string problem(const SplitOptions& options) const {
    return error_of<UsageError>([&] { plan(options); });
  }
  static std::map<std::string, Split> splits_of(const SplitPlan& plan) {
    std::map<std::string, Split> splits;
    for (const LabelRow& row : plan.rows) splits[row.path] = *row.split;
    return splits;
  }

  TemporaryFolder folder_;
  fs::path data_ = folder_ / "photos";
};

TEST_F(SplitTest, TakesTheSharesOfEveryClass) {
  add("cat", 40);
  add("dog", 100);
  const SplitPlan split = plan({.validation = 0.1, .test = 0.2});
  EXPECT_THAT(split.classes, ElementsAre("cat", "dog"));
  EXPECT_EQ(split.counts[0], (std::array<int64_t, 3>{28, 4, 8}));
  EXPECT_EQ(split.counts[1], (std::array<int64_t, 3>{70, 10, 20}));
  EXPECT_EQ(split.rows.size(), 140u);
  EXPECT_EQ(split.groups, 0);
}

TEST_F(SplitTest, SmallClassesTrainFirstThenValidate) {
  add("a", 1);
  add("b", 2);
  add("c", 3);
  const SplitPlan split = plan({.validation = 0.1, .test = 0.1});
  EXPECT_EQ(split.counts[0], (std::array<int64_t, 3>{1, 0, 0}));
  EXPECT_EQ(split.counts[1], (std::array<int64_t, 3>{1, 1, 0}));
  EXPECT_EQ(split.counts[2], (std::array<int64_t, 3>{1, 1, 1}));
}

TEST_F(SplitTest, DependsOnSeedAndPathsAlone) {
  add("cat", 50);
  const auto before = splits_of(plan({}));
  EXPECT_EQ(splits_of(plan({})), before);
  EXPECT_NE(splits_of(plan({.seed = 1})), before);
  add("dog", 20);
  add("cat", 10, "new");
  const auto after = splits_of(plan({}));
  int moved = 0;
  for (const auto& [path, split] : before) moved += after.at(path) != split ? 1 : 0;
  EXPECT_LE(moved, 5);  // at random one in ten validates in either, and some nine would change
}

TEST_F(SplitTest, FoldersStayTogether) {
  for (const char* session : {"cat/1", "cat/2", "cat/3", "cat/4", "dog/1", "dog/2", "dog/3"}) add(session, 5);
  const SplitPlan split = plan({.validation = 0.3, .together = {Together::kFolder}});
  EXPECT_EQ(split.groups, 7);
  std::map<std::string, std::set<Split>> splits;
  for (const LabelRow& row : split.rows) splits[fs::path(row.path).parent_path().string()].insert(*row.split);
  for (const auto& [session, in] : splits) EXPECT_EQ(in.size(), 1u) << session;
  EXPECT_EQ(split.counts[0], (std::array<int64_t, 3>{15, 5, 0}));
  EXPECT_EQ(split.counts[1], (std::array<int64_t, 3>{10, 5, 0}));
}

TEST_F(SplitTest, NamesKeepImagesTogetherAcrossClasses) {
  for (const char* patient : {"p1_", "p2_", "p3_", "p4_"}) {
    add("ill", 3, patient);
    add("well", 2, patient);
  }
  const SplitPlan split = plan({.validation = 0.25, .together = {Together::kName}, .name_pattern = "(p[0-9])_"});
  std::map<std::string, std::set<Split>> splits;
  for (const LabelRow& row : split.rows) splits[fs::path(row.path).filename().string().substr(0, 2)].insert(*row.split);
  EXPECT_EQ(splits.size(), 4u);
  for (const auto& [patient, in] : splits) EXPECT_EQ(in.size(), 1u) << patient;
  EXPECT_EQ(split.counts[0][1], 3);
  EXPECT_EQ(split.counts[1][1], 2);
  const auto with = [&](const std::string& pattern) {
    return SplitOptions{.together = {Together::kName}, .name_pattern = pattern};
  };
  EXPECT_THAT(error_of<InputError>([&] { plan(with("patient")); }), HasSubstr("`name_pattern` is not found"));
  EXPECT_THAT(problem(with("(")), HasSubstr("is no regular expression"));
  EXPECT_THAT(problem(with("")), HasSubstr("is empty"));
  EXPECT_THAT(problem({.name_pattern = "p"}), HasSubstr("no effect"));
}

/// Tiles of random colours: no two alike.
Image tiles(uint64_t seed) {
  Image image = Image::create(96, 128);
  Random random(seed, RandomPurpose::kDraw);
  std::array<uint8_t, 6 * 8 * 3> colours{};
  for (uint8_t& value : colours) value = static_cast<uint8_t>(random.integer(256));
  for (int y = 0; y < 96; ++y) {
    for (int x = 0; x < 128 * 3; ++x) {
      image.row(y)[x] = colours[static_cast<size_t>((y / 16 * 8 + x / 3 / 16) * 3 + x % 3)];
    }
  }
  return image;
}

TEST_F(SplitTest, DuplicatesStayTogether) {
  make_directories(data_ / "a");
  make_directories(data_ / "b");
  for (uint64_t i = 0; i < 12; ++i) {
    const Image image = tiles(i);
    const char* label = i % 2 == 0 ? "a" : "b";
    write_file(data_ / label / concat(i, ".png"), encode_png(image));
    write_file(data_ / label / concat(i, "_again.jpg"), encode_jpeg(image, 70));
  }
  const SplitPlan split = plan({.validation = 0.3, .together = {Together::kDuplicates}});
  const auto splits = splits_of(split);
  EXPECT_EQ(split.groups, 12);
  for (int i = 0; i < 12; ++i) {
    const char* label = i % 2 == 0 ? "a" : "b";
    EXPECT_EQ(splits.at(concat(label, "/", i, ".png")), splits.at(concat(label, "/", i, "_again.jpg"))) << i;
  }
  EXPECT_EQ(split.counts[0], (std::array<int64_t, 3>{8, 4, 0}));
}

TEST_F(SplitTest, WhatCannotBeSplitIsSaid) {
  add("cat", 1);
  EXPECT_THAT(problem({}), HasSubstr("cannot be split: every class is one image or one group"));
  add("cat", 4);
  EXPECT_THAT(problem({.together = {Together::kFolder}}), HasSubstr("keep less together"));
  EXPECT_THAT(problem({.validation = 0, .test = 0}), HasSubstr("nothing is to be split off"));
  EXPECT_THAT(problem({.validation = 0.6, .test = 0.4}), HasSubstr("leave nothing to train on"));
  EXPECT_THAT(problem({.validation = std::nan("")}), HasSubstr("expected shares of less than 1"));
  add("train/cat", 2);
  add("val/cat", 2);
  fs::remove_all(data_ / "cat");
  EXPECT_THAT(problem({}), AllOf(HasSubstr("has splits already: train, validation"), HasSubstr("folder of one")));
  fs::remove_all(data_);
  add(".", 3);
  EXPECT_THAT(problem({}), HasSubstr("images without classes"));
}

TEST_F(SplitTest, FillsAFolderThatIsADataSet) {
  add("cat/old", 4);
  add("dog", 4);
  const SplitPlan split = plan({.validation = 0.25, .test = 0.25});
  for (const CopyMethod method : {CopyMethod::kCopy, CopyMethod::kHardLink, CopyMethod::kSymbolicLink}) {
    const fs::path out = folder_ / kCopyMethods.name(method);
    EXPECT_EQ(copy_split(data_, split, out, method).copied, 8);
    EXPECT_EQ(copy_split(data_, split, out, method).kept, 8);
    for (const LabelRow& row : split.rows) {
      EXPECT_EQ(test::read_text(out / split_name(*row.split) / row.path), test::read_text(data_ / row.path));
    }
    EXPECT_EQ(fs::is_symlink(out / split_name(*split.rows[0].split) / split.rows[0].path),
              method == CopyMethod::kSymbolicLink);
    EXPECT_EQ(open_dataset(out, Split::kTrain)->size(), 4);
    EXPECT_EQ(open_dataset(out, Split::kValidation)->size(), 2);
  }
  EXPECT_EQ(error_of<UsageError>([&] { copy_split(data_, split, data_ / "out", CopyMethod::kCopy); }).empty(), false);
  EXPECT_THAT(error_of<UsageError>([&] { copy_split(data_, plan({}), folder_ / "copy", CopyMethod::kCopy); }),
              HasSubstr("is a split with"));
}

TEST_F(SplitTest, LabelFilesAreSplitIntoFoldersOfTheirClasses) {
  add("images", 6);
  std::string list = "image,label\n";
  for (int i = 0; i < 6; ++i) list += concat("images/", i, ".jpg,", i < 3 ? "cat" : "a/b", "\n");
  write_file(data_ / "labels.csv", std::string_view(list));
  const fs::path file = data_ / "labels.csv";
  SplitPlan split = plan_split(file, open_splits(file), {.validation = 0.3});
  EXPECT_THAT(error_of<InputError>([&] { copy_split(file, split, folder_ / "out", CopyMethod::kCopy); }),
              HasSubstr("no folder can be named after its class 'a/b'"));
  for (LabelRow& row : split.rows) {
    if (row.label == "a/b") row.label = "dog";
  }
  copy_split(file, split, folder_ / "out", CopyMethod::kCopy);
  EXPECT_THAT(open_dataset(folder_ / "out", Split::kTrain)->class_names(), ElementsAre("cat", "dog"));
}

TEST_F(SplitTest, ImagesWithSeveralLabelsAreDrawnTogether) {
  add("images", 20);
  std::string list = "image,labels\n";
  for (int i = 0; i < 20; ++i)
    list += concat("images/", i, ".jpg,", i % 2 == 0 ? "sea;sky" : i % 3 == 0 ? "sky" : "", "\n");
  const fs::path file = data_ / "labels.csv";
  write_file(file, std::string_view(list));
  const SplitPlan split = plan_split(file, open_splits(file, {}, /*several=*/true), {.validation = 0.2});
  EXPECT_TRUE(split.several);
  const auto train = open_planned(file, split, Split::kTrain),
             validation = open_planned(file, split, Split::kValidation);
  EXPECT_EQ(train->size(), 16);
  EXPECT_EQ(validation->size(), 4);
  EXPECT_TRUE(validation->multi_label());
  EXPECT_EQ(split.counts[0][0] + split.counts[0][1], 10) << "sea";
  EXPECT_EQ(split.counts[1][0] + split.counts[1][1], 13) << "sky";
  EXPECT_THAT(error_of<UsageError>([&] { copy_split(file, split, folder_ / "out", CopyMethod::kCopy); }),
              HasSubstr("has images with several classes"));
}

TEST_F(SplitTest, OpensWhatItMadeAsItsListDoes) {
  add("cat", 10);
  add("dog", 10);
  EXPECT_TRUE(can_be_split(open_splits(data_)));
  const SplitPlan split = plan({.validation = 0.2});
  const auto made = open_planned(data_, split, Split::kTrain),
             validation = open_planned(data_, split, Split::kValidation);
  EXPECT_EQ(made->size(), 16);
  EXPECT_EQ(validation->size(), 4);
  EXPECT_THAT(validation->class_names(), ElementsAre("cat", "dog"));
  const fs::path list = folder_ / "split.csv";
  write_file(list, std::string_view(label_file_text(split.rows)));
  const RecordFiles files{.split_file = list.string()};
  const auto train = open_dataset(data_, Split::kTrain, {}, files);
  ASSERT_EQ(train->size(), made->size());
  for (int64_t i = 0; i < train->size(); ++i) {
    EXPECT_EQ(image_name(*train, i), image_name(*made, i));
    EXPECT_EQ(train->label(i), made->label(i));
  }
}

}  // namespace
}  // namespace assemble
