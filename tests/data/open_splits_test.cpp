// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/data/dataset.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::ElementsAre;

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  test::write_bytes(file, std::vector<uint8_t>{1});
}

/// The name of each split with its images.
std::vector<std::string> splits_of(const fs::path& path, const RecordFiles& files = {}) {
  std::vector<std::string> texts;
  for (const OpenSplit& split : open_splits(path, files)) {
    texts.push_back(concat(split.split ? split_name(*split.split) : "none", " ", split.images->size()));
  }
  return texts;
}

TEST(OpenSplits, OpensAllOfAFolder) {
  const test::TemporaryFolder folder;
  touch(folder / "train/cat/a.png");
  touch(folder / "train/cat/b.png");
  touch(folder / "test/dog/a.png");
  EXPECT_THAT(splits_of(folder.path()), ElementsAre("train 2", "test 1"));
  EXPECT_THAT(open_splits(folder.path())[1].images->class_names(), ElementsAre("dog"));
  touch(folder / "val/cat/a.png");
  fs::create_directories(folder / "val/empty");
  EXPECT_THAT(splits_of(folder.path()), ElementsAre("train 2", "validation 1", "test 1"));
  EXPECT_THAT(open_splits(folder.path())[1].images->class_names(), ElementsAre("cat", "empty"));
  EXPECT_THAT(splits_of(folder / "train"), ElementsAre("none 2"));
  EXPECT_THAT(splits_of(folder / "train/cat"), ElementsAre("none 2"));
  EXPECT_THAT(splits_of(folder / "train/cat/a.png"), ElementsAre("none 1"));
}

TEST(OpenSplits, OpensAllOfAnArchive) {
  const test::TemporaryFolder folder;
  const Bytes image{1};
  test::write_zip(folder / "a.zip", {{"train/cat/a.jpg", image}, {"val/cat/a.jpg", image}, {"test/cat/a.jpg", image}});
  EXPECT_THAT(splits_of(folder / "a.zip"), ElementsAre("train 1", "validation 1", "test 1"));
  test::write_zip(folder / "b.zip", {{"cat/a.jpg", image}, {"dog/a.jpg", image}});
  EXPECT_THAT(splits_of(folder / "b.zip"), ElementsAre("none 2"));
  fs::create_directories(folder / "tars");
  test::write_tar(folder / "tars/set-train.tar", {{"cat/a.jpg", image}});
  test::write_tar(folder / "tars/set-test.tar", {{"cat/a.jpg", image}, {"dog/b.jpg", image}});
  EXPECT_THAT(splits_of(folder / "tars"), ElementsAre("train 1", "test 2"));
}

TEST(OpenSplits, RefusesWhatIsNone) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(open_splits(folder.path()), InputError);
  EXPECT_THROW(open_splits(folder / "absent"), InputError);
  test::write_bytes(folder / "notes.txt", std::vector<uint8_t>{1});
  EXPECT_THROW(open_splits(folder.path()), InputError);
  EXPECT_THROW(open_splits(folder / "notes.txt"), InputError);
}

}  // namespace
}  // namespace assemble
