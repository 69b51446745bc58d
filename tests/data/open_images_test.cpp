// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/open_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"
#include "drawn_data.h"

namespace assemble {
namespace {

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  test::write_bytes(file, std::vector<uint8_t>{1});
}

std::vector<std::string> names(const Dataset& dataset) {
  std::vector<std::string> result;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    result.push_back(fs::path(dataset.read(i).name).lexically_relative(dataset.where()).string());
  }
  return result;
}

TEST(OpenImages, ADataSetKeepsItsClasses) {
  EXPECT_EQ(open_images(test::drawn_data(), std::nullopt)->size(), 24);
  EXPECT_EQ(open_images(test::drawn_data(), std::nullopt)->classes(), 8);
  EXPECT_EQ(open_images(test::drawn_data(), Split::kTrain)->size(), 48);
  EXPECT_EQ(open_images(test::drawn_data(), std::nullopt, Split::kTrain)->size(), 48);
  EXPECT_EQ(open_images(test::drawn_data() / "train", std::nullopt)->classes(), 8);
}

TEST(OpenImages, TakesAnyFolderOfImages) {
  const test::TemporaryFolder folder;
  touch(folder / "flat/b.png");
  touch(folder / "flat/a.jpg");
  EXPECT_THAT(names(*open_images(folder / "flat", std::nullopt)), testing::ElementsAre("a.jpg", "b.png"));
  touch(folder / "mixed/b.png");
  touch(folder / "mixed/cat/a.jpg");
  EXPECT_THAT(names(*open_images(folder / "mixed", std::nullopt)), testing::ElementsAre("b.png", "cat/a.jpg"));
  touch(folder / "holes/cat/deep/a.jpg");
  fs::create_directories(folder / "holes/empty");
  EXPECT_THAT(names(*open_images(folder / "holes", std::nullopt)), testing::ElementsAre("cat/deep/a.jpg"));
  EXPECT_EQ(open_images(folder / "flat/b.png", std::nullopt)->size(), 1);
  EXPECT_THROW(open_images(folder / "flat", Split::kTrain), InputError);
  EXPECT_THROW(open_images(folder / "none", std::nullopt), InputError);
}

TEST(OpenImages, TakesArchives) {
  const test::TemporaryFolder folder;
  const Bytes image{1};
  test::write_zip(folder / "a.zip", {{"validation/cat/a.jpg", image}, {"validation/dog/b.jpg", image}});
  EXPECT_EQ(open_images(folder / "a.zip", std::nullopt)->size(), 2);
  test::write_tar(folder / "a.tar", {{"cat/a.jpg", image}, {"dog/b.jpg", image}, {"dog/c.jpg", image}});
  EXPECT_EQ(open_images(folder / "a.tar", std::nullopt)->size(), 3);
  EXPECT_EQ(open_images(folder / "a.tar", std::nullopt)->where(), (folder / "a.tar").string());
}

TEST(ImageList, NamesImagesOfFilesFoldersAndArchives) {
  const test::TemporaryFolder folder;
  touch(folder / "a.png");
  touch(folder / "more/b.png");
  touch(folder / "more/deep/c.png");
  test::write_tar(folder / "set.tar", {{"cat/d.jpg", Bytes{1, 2}}, {"cat/e.jpg", Bytes{1, 2, 3}}});
  const auto in = [&](const char* name) { return (folder / name).string(); };
  const ImageList images({in("a.png"), in("more"), in("set.tar"), in("more/b.png")});
  ASSERT_EQ(images.size(), 6);
  std::vector<std::string> names, paths;
  for (int64_t i = 0; i < images.size(); ++i) {
    names.push_back(images.name(i));
    paths.push_back(images.path(i));
  }
  EXPECT_THAT(names, testing::ElementsAre("a.png", "b.png", "deep/c.png", "image_00000000", "image_00000001", "b.png"));
  EXPECT_THAT(paths, testing::ElementsAre(in("a.png"), in("more/b.png"), in("more/deep/c.png"),
                                          in("set.tar") + " image 0", in("set.tar") + " image 1", in("more/b.png")));
  EXPECT_EQ(images.read(4).encoded, (Bytes{1, 2, 3}));
  EXPECT_THROW(ImageList({in("none.png")}), InputError);
}

}  // namespace
}  // namespace assemble
