// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/check.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/data/build.h"
#include "planted_copies.h"

namespace assemble {
namespace {

using test::error_of;
using test::write_bytes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

CheckResult check(const fs::path& folder) { return check_dataset(folder, open_splits(folder), {.threads = 2}); }

/// Names of the images with each fault.
std::map<std::string, std::vector<std::string>> faults_of(const CheckResult& result) {
  std::map<std::string, std::vector<std::string>> names;
  for (const FaultyImage& faulty : result.faults) {
    names[kImageFaults.name(faulty.fault)].push_back(result.images[static_cast<size_t>(faulty.image)].name);
  }
  return names;
}

std::vector<std::string> kinds_of(const CheckResult& result) {
  std::vector<std::string> kinds;
  for (const ClassFinding& finding : result.class_findings) kinds.push_back(finding.kind + " " + finding.class_name);
  return kinds;
}

TEST(Check, FindsEveryFaultAndNoOther) {
  const test::TemporaryFolder folder;
  test::draw_for_check(folder.path(), 10);
  EXPECT_THAT(faults_of(check(folder.path())), IsEmpty());
  const fs::path train = folder / "train/dotted disc";
  const Image image = test::read_png(folder / "train/striped star/00000.png");
  write_bytes(train / "blurred.jpg", encode_jpeg(test::blurred(image, 12), 95));
  write_bytes(train / "dark.png", encode_png(test::mapped(image, [](int level) { return level / 6; })));
  write_bytes(train / "bright.png", encode_png(test::mapped(image, [](int level) { return 215 + level * 40 / 255; })));
  Image gray = image;
  for (size_t i = 0; i < gray.pixels.size(); i += 3) gray.pixels[i + 1] = gray.pixels[i + 2] = gray.pixels[i];
  write_bytes(train / "gray.png", encode_png(gray));
  write_bytes(train / "uniform.png", encode_png(test::mapped(image, [](int level) { return 100 + level / 40; })));
  write_bytes(train / "long.png", encode_png(crop(image, {40, 0, 24, 96})));
  write_bytes(train / "small.png", encode_png(crop(image, {20, 20, 15, 15})));
  write_bytes(train / "turned.jpg", test::make_jpeg(test::wavy_image(90, 96), {.exif_orientation = 6}));
  write_bytes(train / "named.jpg", encode_png(test::wavy_image(90, 96, 1)));
  Bytes cut = encode_jpeg(test::wavy_image(90, 96, 2), 90);
  cut.resize(cut.size() / 2);
  write_bytes(train / "cut.jpg", cut);
  write_bytes(train / "empty.jpg", Bytes{});
  write_bytes(train / "film.png", test::bytes_of("GIF89a and more"));
  const CheckResult result = check(folder.path());
  const auto in = [](const char* name) { return concat("train/dotted disc/", name); };
  EXPECT_THAT(
      faults_of(result),
      ElementsAre(Pair("blurred", ElementsAre(in("blurred.jpg"))), Pair("bright", ElementsAre(in("bright.png"))),
                  Pair("broken", ElementsAre(in("cut.jpg"), in("empty.jpg"), in("film.png"))),
                  Pair("dark", ElementsAre(in("dark.png"))), Pair("exif_turned", ElementsAre(in("turned.jpg"))),
                  Pair("gray", ElementsAre(in("gray.png"))), Pair("odd_aspect", ElementsAre(in("long.png"))),
                  Pair("odd_size", ElementsAre(in("small.png"))), Pair("uniform", ElementsAre(in("uniform.png"))),
                  Pair("wrong_extension", ElementsAre(in("named.jpg")))));
  EXPECT_THAT(result.faults.front().what, HasSubstr("truncated JPEG"));
  EXPECT_EQ(result.faults[1].what, "the file is empty (copy it again or remove it)");
  EXPECT_EQ(to_json(result)["counts"]["broken"], 3);
}

TEST(Check, WhatMostImagesAreIsTheirNature) {
  const test::TemporaryFolder folder;
  for (uint64_t i = 0; i < 4; ++i) {
    Image image = test::wavy_image(40, 50, i);
    for (size_t p = 0; i < 3 && p < image.pixels.size(); ++p) image.pixels[p] = image.pixels[p / 3 * 3];
    write_bytes(folder / concat(i, ".png"), encode_png(image));
  }
  const CheckResult result = check(folder.path());
  EXPECT_THAT(result.of_most, ElementsAre(ImageFault::kGray));
  EXPECT_EQ(result.count(ImageFault::kGray), 0);
}

TEST(Check, ClassesThatAreSmallUnevenOrMissing) {
  const test::TemporaryFolder folder;
  const auto put = [&](const std::string& name, int count) {
    fs::create_directories(folder / name);
    for (int i = 0; i < count; ++i) {
      write_bytes(folder / name / concat(i, ".png"), encode_png(test::wavy_image(8, 8, static_cast<uint64_t>(i))));
    }
  };
  put("train/many", 120);
  put("train/some", 13);
  put("train/few", 9);
  put("train/none", 0);
  put("val/many", 2);
  put("val/some", 2);
  put("val/other", 2);
  const CheckResult result = check(folder.path());
  EXPECT_THAT(result.classes, ElementsAre("few", "many", "none", "some", "other"));
  EXPECT_THAT(kinds_of(result), ElementsAre("not_in_validation few", "empty none", "not_in_train other",
                                            "too_small few", "imbalanced few"));
}

TEST(Check, TakesOneClassOneImageAndNoClasses) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "set/only");
  write_bytes(folder / "set/only/a.png", encode_png(test::wavy_image(40, 40)));
  EXPECT_THAT(kinds_of(check(folder / "set")), ElementsAre("one_class only", "too_small only"));
  const CheckResult flat = check(folder / "set/only");
  EXPECT_EQ(flat.images.size(), 1u);
  EXPECT_EQ(flat.splits[0].name, "images");
  EXPECT_THAT(flat.class_findings, IsEmpty());
  EXPECT_THAT(faults_of(flat), IsEmpty());
  EXPECT_EQ(check(folder / "set/only/a.png").images[0].name, "a.png");
}

TEST(Check, NamesInAnyScriptAndWithAnySeparator) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> names{"Löwe; 1,2.png", "рыба\t3.png", "魚 \"4\".png",
                                       "caf\xE9.png",   "a\nb.png",    "-x'.png"};
  fs::create_directories(folder / "кот & <дом>");
  for (size_t i = 0; i < names.size(); ++i) {
    write_bytes(folder / "кот & <дом>" / names[i], encode_png(test::wavy_image(40, 40, i)));
  }
  const CheckResult result = check(folder.path());
  std::vector<std::string> shown;
  for (const CheckedImage& image : result.images) shown.push_back(fs::path(image.name).filename().string());
  EXPECT_THAT(shown, testing::UnorderedElementsAre("Löwe; 1,2.png", "рыба\\x093.png", "魚 \"4\".png", "café.png",
                                                   "a\\x0Ab.png", "-x'.png"));
  EXPECT_THAT(faults_of(result), IsEmpty());
}

TEST(Check, SaysWhatLiesWhereNoImagesAre) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "videos/more");
  fs::create_directories(folder / "empty");
  for (const char* name : {"a.mp4", "b.mp4", "c.avi"}) write_bytes(folder / "videos/more" / name, Bytes{1});
  EXPECT_THAT(error_of<InputError>([&] { check(folder / "videos"); }),
              HasSubstr("holds no images, but 2 .mp4, 1 .avi"));
  EXPECT_THAT(error_of<InputError>([&] { check(folder / "videos/more"); }), HasSubstr("but 2 .mp4, 1 .avi"));
  EXPECT_THAT(error_of<InputError>([&] { check(folder / "empty"); }), HasSubstr("is an empty folder"));
  EXPECT_THAT(error_of<InputError>([&] { check(folder / "absent"); }), HasSubstr("no such"));
  if (geteuid() == 0) return;  // may read everything
  fs::permissions(folder / "videos", fs::perms::none);
  EXPECT_THAT(error_of<InputError>([&] { check(folder / "videos"); }), HasSubstr("cannot be listed"));
  fs::permissions(folder / "videos", fs::perms::owner_all);
}

TEST(Check, TakesRecordsAndArchives) {
  const test::TemporaryFolder folder;
  test::draw_for_check(folder / "set", 2);
  fs::copy_file(folder / "set/train/dotted disc/00000.png", folder / "set/validation/dotted disc/leak.png");
  build_records("folder", folder / "set", folder / "records", {});
  const CheckResult records = check(folder / "records");
  ASSERT_EQ(records.duplicates.size(), 1u);
  EXPECT_TRUE(records.duplicates[0].leak);
  EXPECT_EQ(records.class_name(records.duplicates[0].members[0].image), "dotted disc");
  EXPECT_THAT(records.images.front().name, HasSubstr("train-00000-of-"));

  const Bytes image = encode_png(test::wavy_image(40, 40)), other = encode_png(test::wavy_image(40, 40, 1));
  test::write_zip(folder / "a.zip", {{"train/cat/a.png", image}, {"val/cat/b.png", other}, {"test/cat/c.png", image}});
  const CheckResult zip = check(folder / "a.zip");
  ASSERT_EQ(zip.splits.size(), 3u);
  EXPECT_EQ(zip.splits[2].name, "test");
  ASSERT_EQ(zip.duplicates.size(), 1u);
  EXPECT_TRUE(zip.duplicates[0].leak);
}

}  // namespace
}  // namespace assemble
