// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>

#include "assemble/core/error.h"
#include "assemble/data/build.h"
#include "assemble/data/check.h"
#include "planted_copies.h"

namespace assemble {
namespace {

using test::error_of;
using test::write_bytes;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kUsual{"broken", "duplicates", "near_duplicates"};

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.insert(entry.path().lexically_relative(folder).string());
  }
  return files;
}

/// A data set with a leak, a smaller copy, a conflict and a broken file.
class CleanTest : public testing::Test {
 protected:
  void SetUp() override {
    test::draw_for_check(data_, 3);
    fs::copy_file(data_ / "train/dotted disc/00000.png", data_ / "validation/dotted disc/leak.png");
    const Image star = test::read_png(data_ / "train/dotted star/00000.png");
    write_bytes(data_ / "train/dotted star/0_half.jpg", encode_jpeg(test::half_of(star), 90));
    fs::copy_file(data_ / "train/dotted disc/00001.png", data_ / "train/dotted star/wrong.png");
    write_bytes(data_ / "train/dotted star/broken.jpg", Bytes{1, 2, 3});
    fs::remove(data_ / "draw.json");
    splits_ = open_splits(data_);
    result_ = check_dataset(data_, splits_);
  }

  std::vector<std::string> names(const std::vector<LeftOut>& images) const {
    std::vector<std::string> texts;
    for (const LeftOut& image : images) {
      texts.push_back(result_.images[static_cast<size_t>(image.image)].name + ": " + image.kind);
    }
    return texts;
  }

  test::TemporaryFolder folder_;
  fs::path data_ = folder_ / "data";
  std::vector<OpenSplit> splits_;
  CheckResult result_;
};

TEST_F(CleanTest, KeepsOneOfEachGroup) {
  EXPECT_THAT(names(left_out(result_, kUsual)),
              ElementsAre("train/dotted disc/00000.png: duplicates", "train/dotted disc/00001.png: duplicates",
                          "train/dotted star/0_half.jpg: near_duplicates", "train/dotted star/broken.jpg: broken",
                          "train/dotted star/wrong.png: duplicates"));
  EXPECT_THAT(names(left_out(result_, {"broken"})), ElementsAre("train/dotted star/broken.jpg: broken"));
  EXPECT_TRUE(left_out(result_, {}).empty());
  EXPECT_THAT(error_of<UsageError>([&] { left_out(result_, {"borken"}); }), HasSubstr("broken"));
}

TEST_F(CleanTest, ListsPathsAsTheyAre) {
  EXPECT_EQ(list_left_out(data_, splits_, result_, left_out(result_, {"broken", "near_duplicates"})),
            "train/dotted star/0_half.jpg\ntrain/dotted star/broken.jpg\n");
}

TEST_F(CleanTest, CopiesTheOthersAndGoesOn) {
  const std::set<std::string> before = files_in(data_);
  const std::vector<LeftOut> without = left_out(result_, kUsual);
  const fs::path out = folder_ / "out";
  EXPECT_EQ(copy_cleaned(data_, splits_, result_, without, out).copied, static_cast<int64_t>(before.size() - 5));
  EXPECT_EQ(files_in(data_), before);
  std::set<std::string> expected = before;
  for (const LeftOut& image : without) expected.erase(result_.images[static_cast<size_t>(image.image)].name);
  expected.insert("cleaned.json");
  EXPECT_EQ(files_in(out), expected);
  EXPECT_EQ(test::read_text(out / "train/dotted disc/00002.png"),
            test::read_text(data_ / "train/dotted disc/00002.png"));

  fs::remove(out / "train/dotted disc/00002.png");
  const CopiedFiles again = copy_cleaned(data_, splits_, result_, without, out);
  EXPECT_EQ(again.copied, 1);
  EXPECT_EQ(files_in(out), expected);
  EXPECT_THAT(error_of<UsageError>([&] { copy_cleaned(data_, splits_, result_, {}, out); }),
              HasSubstr("is a copy with"));
}

TEST_F(CleanTest, RefusesPlacesThatHoldOtherThings) {
  const std::set<std::string> before = files_in(folder_.path());
  const auto refusal = [&](const fs::path& out) {
    return error_of<UsageError>([&] { copy_cleaned(data_, splits_, result_, {}, out); });
  };
  EXPECT_THAT(refusal(data_), HasSubstr("would mix"));
  EXPECT_THAT(refusal(data_ / "train/clean"), HasSubstr("would mix"));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("would mix"));
  EXPECT_EQ(files_in(folder_.path()), before);
  fs::create_directories(folder_ / "used/train");
  write_bytes(folder_ / "used/train/mine.txt", Bytes{1});
  EXPECT_THAT(refusal(folder_ / "used"), HasSubstr("is there already"));
}

TEST_F(CleanTest, RecordsAreListedAndNotCopied) {
  build_records("folder", data_, folder_ / "records", {});
  const std::vector<OpenSplit> splits = open_splits(folder_ / "records");
  const CheckResult result = check_dataset(folder_ / "records", splits);
  const std::vector<LeftOut> without = left_out(result, kUsual);
  EXPECT_EQ(without.size(), 4u);
  EXPECT_THAT(list_left_out(folder_ / "records", splits, result, without), HasSubstr("train-00000-of-"));
  EXPECT_THAT(error_of<UsageError>([&] { copy_cleaned(folder_ / "records", splits, result, without, folder_ / "o"); }),
              HasSubstr("not copied in parts"));
}

}  // namespace
}  // namespace assemble
