// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/stored_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/perturb_set.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

/// A folder with empty files: layouts are told by names alone.
class Layout {
 public:
  explicit Layout(const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      fs::create_directories((folder_ / file).parent_path());
      test::write_bytes(folder_ / file, {});
    }
  }
  const fs::path& path() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

Reading corrupted(const std::vector<std::string>& files) { return read_as_corrupted(Layout(files).path()); }
Reading sequences(const std::vector<std::string>& files) { return read_as_sequences(Layout(files).path()); }

TEST(StoredSet, AClassNamedLikeACorruptionIsNone) {
  for (const std::vector<std::string>& files :
       std::vector<std::vector<std::string>>{{"fog/a.png", "rain/a.png", "snow/a.jpg"},
                                             {"fog/a.png", "frost/a.png", "snow/a.png"},
                                             {"fog/1/a.png", "fog/2/a.png", "snow/1/a.png"},  // sub-folders of classes
                                             {"train/fog/a.png", "validation/fog/a.png"},
                                             {"noise/a.png", "blur/a.png", "weather/a.png"},
                                             {"noise/shot_noise/a.png", "blur/a.png"},
                                             {"brightness/dim/a.png", "brightness/bright/a.png", "contrast/low/a.png"},
                                             {"a.png"},
                                             {}}) {
    EXPECT_EQ(corrupted(files), Reading::kClean) << testing::PrintToString(files);
    EXPECT_EQ(sequences(files), Reading::kClean) << testing::PrintToString(files);
  }
  EXPECT_EQ(read_as_corrupted("/none"), Reading::kClean);
}

TEST(StoredSet, CorruptedImagesAreToldByTheirSeverities) {
  EXPECT_EQ(corrupted({"fog/1/n01440764/a.JPEG", "snow/5/n01440764/a.JPEG", "README.md"}), Reading::kStored);
  EXPECT_EQ(corrupted({"weather/fog/3/n01440764/a.JPEG", "noise/shot_noise/1/n01440764/a.JPEG"}), Reading::kStored);
  EXPECT_EQ(corrupted({"perlin_noise/1/n01440764/a.JPEG", "sparkles/5/n01440764/a.JPEG"}), Reading::kStored);
  EXPECT_EQ(corrupted({kCorruptSetManifest, "fog/1/a.JPEG"}), Reading::kStored);  // made of images without classes
}

TEST(StoredSet, SequencesAreToldByVideosAndFrames) {
  EXPECT_EQ(sequences({"snow/n01440764/a.mp4"}), Reading::kStored);
  EXPECT_EQ(sequences({"noise/shot_noise/n01440764/a.mp4", "blur/zoom_blur/n01440764/a.mp4"}), Reading::kStored);
  EXPECT_EQ(sequences({"snow/n01440764/a/frame_00.png"}), Reading::kStored);
  EXPECT_EQ(sequences({kPerturbSetManifest}), Reading::kStored);
  std::vector<std::string> frames;
  for (int i = 0; i < perturbation_frames("snow"); ++i) frames.push_back("snow/a/" + std::to_string(i) + ".png");
  EXPECT_EQ(sequences(frames), Reading::kStored);
}

TEST(StoredSet, BothAtOnceIsUnclear) {
  EXPECT_EQ(corrupted({"fog/1/n01440764/a.JPEG", "rain/a.png"}), Reading::kUnclear);
  EXPECT_EQ(corrupted({"fog/1/n01440764/a.JPEG", "snow/a.png"}), Reading::kUnclear);
  EXPECT_EQ(sequences({"snow/n01440764/a.mp4", "rain/a.png"}), Reading::kUnclear);
}

TEST(StoredSet, FindsPartsInThePublishedArchives) {
  const Layout set({"weather/fog/1/n/a.png", "snow/1/n/a.png"});
  EXPECT_EQ(part_folder(set.path(), "fog"), set.path() / "weather/fog");
  EXPECT_EQ(part_folder(set.path(), "snow"), set.path() / "snow");
  EXPECT_EQ(part_folder(set.path(), "frost"), set.path() / "frost");
  const Layout both({"weather/fog/1/n/a.png", "fog/1/n/a.png"});
  EXPECT_THAT(test::error_of<InputError>([&] { part_folder(both.path(), "fog"); }), HasSubstr("weather/fog"));
}

}  // namespace
}  // namespace assemble
