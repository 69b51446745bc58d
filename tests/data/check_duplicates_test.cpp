// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/json.h"
#include "assemble/core/random.h"
#include "assemble/data/check.h"
#include "planted_copies.h"

namespace assemble {
namespace {

using test::write_bytes;

CheckResult check(const fs::path& folder, int threads = 2) {
  return check_dataset(folder, open_splits(folder), {.threads = threads});
}

/// Names of a group's images, and how they are like others.
std::map<std::string, std::string> members_of(const CheckResult& result, const DuplicateGroup& group) {
  std::map<std::string, std::string> names;
  for (const DuplicateMember& member : group.members) {
    const std::string likeness = member.of == member.image ? "" : kLikenesses.name(member.likeness);
    names[result.images[static_cast<size_t>(member.image)].name] = likeness;
  }
  return names;
}

/// Copies of every second training image, of each kind that is to be found, under names that begin with the kind.
class PlantedCopies : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<test::TemporaryFolder>();
    test::draw_for_check(folder_->path(), 6);
    int number = 0;
    for (const std::string& name : drawn_classes()) {
      for (int i = 0; i < 6; i += 2) plant(folder_->path() / "train" / name / concat("0000", i, ".png"), number++);
    }
    result_ = std::make_unique<CheckResult>(check(folder_->path()));
  }
  static void TearDownTestSuite() {
    result_.reset();
    folder_.reset();
  }

  static void plant(const fs::path& path, int number) {
    const Image image = test::read_png(path);
    const std::string name = path.stem().string();
    const auto put = [&](const std::string& kind, const Bytes& bytes) {
      write_bytes(path.parent_path() / (kind + "_" + name + ".jpg"), bytes);
      ++planted_[kind];
    };
    fs::copy_file(path, path.parent_path() / ("same_bytes_" + name + ".png"));
    ++planted_["same_bytes"];
    put("reencoded", encode_jpeg(image, 60));
    put("resized", encode_jpeg(test::half_of(image), 90));
    put("cropped", encode_jpeg(test::crop_of(image, number), 90));
    put("mirrored", encode_jpeg(test::mirror_of(image), 90));
  }

  /// The image that a planted one is a copy of: its folder and number.
  static std::string original_of(const std::string& name) {
    const fs::path path(name);
    const std::string stem = path.stem().string();
    return (path.parent_path() / stem.substr(stem.size() - 5)).string();
  }

  static std::unique_ptr<test::TemporaryFolder> folder_;
  static std::unique_ptr<CheckResult> result_;
  static std::map<std::string, int> planted_;
};

std::unique_ptr<test::TemporaryFolder> PlantedCopies::folder_;
std::unique_ptr<CheckResult> PlantedCopies::result_;
std::map<std::string, int> PlantedCopies::planted_;

TEST_F(PlantedCopies, AreFoundAndNothingElse) {
  std::map<std::string, int> found;
  int right = 0, all = 0;
  for (const DuplicateGroup& group : result_->duplicates) {
    const auto members = members_of(*result_, group);
    const std::string first = original_of(members.begin()->first);
    for (const auto& [name, likeness] : members) {
      const std::string stem = fs::path(name).stem().string();
      ++all;
      right += original_of(name) == first;
      if (stem.size() > 6 && original_of(name) == first) ++found[stem.substr(0, stem.size() - 6)];
    }
  }
  EXPECT_EQ(found["same_bytes"], planted_["same_bytes"]);
  for (const auto& [kind, count] : planted_) {
    std::printf("%s: %d of %d\n", kind.c_str(), found[kind], count);
    EXPECT_GE(found[kind], 0.95 * count) << kind;
  }
  EXPECT_GE(right, 0.95 * all) << "others taken for copies";
  EXPECT_EQ(result_->duplicates.size(), 24u);
}

TEST_F(PlantedCopies, SayHowTheyAreLikeAnother) {
  int right = 0, all = 0;
  for (const DuplicateGroup& group : result_->duplicates) {
    for (const auto& [name, likeness] : members_of(*result_, group)) {
      if (likeness.empty()) continue;
      ++all;
      right += fs::path(name).stem().string().starts_with(likeness);
    }
  }
  // The original is the first by its name: others are said to be like it, or like a copy.
  EXPECT_GE(right, 0.7 * all);
}

TEST_F(PlantedCopies, AreTheSameForAnyNumberOfThreads) {
  const std::string json = json_text(to_json(*result_));
  for (const int threads : {1, 5}) EXPECT_EQ(json_text(to_json(check(folder_->path(), threads))), json) << threads;
}

TEST(CheckDuplicates, TellsLeaksAndConflicts) {
  const test::TemporaryFolder folder;
  test::draw_for_check(folder.path(), 2);
  const fs::path disc = folder / "train/dotted disc", star = folder / "train/dotted star";
  const fs::path validation = folder / "validation/dotted disc";
  fs::create_directories(folder / "test/dotted disc");
  fs::copy_file(disc / "00000.png", validation / "leak.png");
  write_bytes(folder / "test/dotted disc/near.jpg", encode_jpeg(test::read_png(disc / "00000.png"), 60));
  fs::copy_file(disc / "00001.png", star / "conflict.png");
  const CheckResult result = check(folder.path());
  ASSERT_EQ(result.duplicates.size(), 2u);
  EXPECT_TRUE(result.duplicates[0].leak);
  EXPECT_TRUE(result.duplicates[0].near);
  EXPECT_FALSE(result.duplicates[0].conflict);
  EXPECT_THAT(members_of(result, result.duplicates[0]),
              testing::ElementsAre(testing::Pair("test/dotted disc/near.jpg", "reencoded"),
                                   testing::Pair("train/dotted disc/00000.png", ""),
                                   testing::Pair("validation/dotted disc/leak.png", "same_bytes")));
  EXPECT_FALSE(result.duplicates[1].leak);
  EXPECT_FALSE(result.duplicates[1].near);
  EXPECT_TRUE(result.duplicates[1].conflict);
}

TEST(CheckDuplicates, ComparesAllPixelsOfImagesThatLookTheSame) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "flat");
  test::draw_for_check(folder / "drawn", 1);
  const Image image = test::read_png(folder / "drawn/train/dotted disc/00000.png");
  Image other = image;
  other.pixels.back() ^= 1;
  const Image black = Image::create(50, 60);
  Image nearly_black = black;
  nearly_black.pixels[100] = 1;
  write_bytes(folder / "flat/a.jpg", test::make_jpeg(image));
  write_bytes(folder / "flat/b.jpg", test::make_jpeg(image, {.exif_orientation = 1}));
  write_bytes(folder / "flat/c.png", encode_png(other));
  write_bytes(folder / "flat/d.png", encode_png(black));
  write_bytes(folder / "flat/e.jpg", encode_jpeg(black, 100));
  write_bytes(folder / "flat/f.png", encode_png(nearly_black));
  const CheckResult result = check(folder / "flat");
  ASSERT_EQ(result.duplicates.size(), 2u);
  EXPECT_THAT(members_of(result, result.duplicates[0]),
              testing::ElementsAre(testing::Pair("a.jpg", ""), testing::Pair("b.jpg", "same_pixels"),
                                   testing::Pair("c.png", "reencoded")));
  EXPECT_THAT(members_of(result, result.duplicates[1]),
              testing::ElementsAre(testing::Pair("d.png", ""), testing::Pair("e.jpg", "same_pixels")));
}

TEST(CheckDuplicates, ComparesPhotosAsTheyAreShown) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "flat");
  test::draw_for_check(folder / "drawn", 1);
  const Image image = crop(test::read_png(folder / "drawn/train/dotted disc/00000.png"), {0, 0, 60, 96});
  Image turned = Image::create(image.width, image.height);  // a quarter to the left: orientation 6 turns it back
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.row(y) + x * 3, 3, turned.row(image.width - 1 - x) + y * 3);
    }
  }
  write_bytes(folder / "flat/a.jpg", test::make_jpeg(image));
  write_bytes(folder / "flat/b.jpg", test::make_jpeg(turned, {.exif_orientation = 6}));
  const CheckResult result = check(folder / "flat");
  ASSERT_EQ(result.duplicates.size(), 1u);
  EXPECT_EQ(result.images[1].height, image.height);
}

TEST(CheckDuplicates, FindsCopiesOfFaintAndOfNoisyImages) {
  const test::TemporaryFolder folder;
  Random random(9, RandomPurpose::kDraw);
  Image noise = Image::create(256, 256);
  for (uint8_t& value : noise.pixels) value = static_cast<uint8_t>(random.integer(256));
  test::draw_for_check(folder / "drawn", 1);
  const Image drawn = test::read_png(folder / "drawn/train/dotted disc/00000.png");
  fs::create_directories(folder / "flat");
  int number = 0;
  for (const Image& image : {noise, test::mapped(drawn, [](int level) { return 120 + level / 16; })}) {
    const std::string start = concat("flat/", number++);
    write_bytes(folder / (start + "a.png"), encode_png(image));
    write_bytes(folder / (start + "b.jpg"), encode_jpeg(image, 60));
    write_bytes(folder / (start + "c.png"), encode_png(test::half_of(image)));
    write_bytes(folder / (start + "d.png"), encode_png(test::mirror_of(image)));
  }
  const CheckResult result = check(folder / "flat");
  ASSERT_EQ(result.duplicates.size(), 2u);
  for (const DuplicateGroup& group : result.duplicates) EXPECT_EQ(group.members.size(), 4u);
}

TEST(CheckDuplicates, OtherPhotosOfTheSameAreNoCopies) {
  ASSEMBLE_REQUIRE_PHOTOS(photos);
  EXPECT_TRUE(check(photos / "signdigits").duplicates.empty());
  EXPECT_TRUE(check(photos / "photos").duplicates.empty());
}

}  // namespace
}  // namespace assemble
