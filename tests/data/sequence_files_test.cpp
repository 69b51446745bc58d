// SPDX-License-Identifier: Apache-2.0
#include "../../src/data/derived/sequence_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/encode.h"
#include "assemble/image/perturbations.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Bytes gray(int level, int side = 4) {
  return encode_png({side, side, std::vector<uint8_t>(size_t{3} * side * side, static_cast<uint8_t>(level))});
}

/// 31 frames in a folder, frame i of level i, named by `name(i)`.
template <typename Name>
void write_frames(const fs::path& folder, Name&& name) {
  fs::create_directories(folder);
  for (int i = 0; i < perturbation_frames("snow"); ++i) test::write_bytes(folder / name(i), gray(i));
}

void expect_levels(const std::vector<Image>& frames) {
  ASSERT_EQ(frames.size(), 31u);
  for (size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].pixels[0], i) << i;
}

TEST(SequenceFiles, FramesGoByTheirNumbers) {
  const test::TemporaryFolder folder;
  write_frames(folder / "a", [](int i) { return "frame_" + std::to_string(i) + ".png"; });
  write_frames(folder / "b", [](int i) { return std::to_string(5 * i + 90) + "of1000.png"; });
  write_frames(folder / "c", [](int i) { return "img" + std::string(i < 7 ? "0" : "") + std::to_string(i) + ".png"; });
  for (const char* name : {"a", "b", "c"}) expect_levels(read_sequence(folder / name, "snow"));
}

TEST(SequenceFiles, NamesWhatIsMissingOrThereTwice) {
  const test::TemporaryFolder folder;
  const auto name = [](int i) { return "frame_" + std::to_string(i) + ".png"; };
  const auto error = [&] { return test::error_of<InputError>([&] { read_sequence(folder.path(), "snow"); }); };
  write_frames(folder.path(), name);
  fs::remove(folder / "frame_9.png");
  EXPECT_THAT(error(), AllOf(HasSubstr("has 30 frames, expected 31 of snow"),
                             HasSubstr("nothing between frame_8.png and frame_10.png")));
  // As many as there should be, but one too far.
  test::write_bytes(folder / "frame_31.png", gray(9));
  EXPECT_THAT(error(), HasSubstr("nothing between frame_8.png and frame_10.png"));
  fs::remove(folder / "frame_31.png");
  test::write_bytes(folder / "frame_010.png", gray(9));
  EXPECT_THAT(error(), HasSubstr("frame_010.png and frame_10.png have the same number"));
}

TEST(SequenceFiles, FramesAreSquaresOfOneSize) {
  const test::TemporaryFolder folder;
  write_frames(folder.path(), [](int i) { return std::to_string(i) + ".png"; });
  test::write_bytes(folder / "7.png", gray(7, 5));
  EXPECT_THAT(test::error_of<InputError>([&] { read_sequence(folder.path(), "snow"); }),
              AllOf(HasSubstr("5×5"), HasSubstr("4×4")));
}

TEST(SequenceFiles, HalfWrittenOnesAreHidden) {
  const test::TemporaryFolder folder;
  for (const char* file : {"dog/b.mp4", "dog/a-1/0.png", "dog/a/0.png", "cat/z.mp4", "cat/.z.tmp/0.png", "x.mp4"}) {
    fs::create_directories((folder / file).parent_path());
    test::write_bytes(folder / file, {});
  }
  // In the order of cat/z.jpg, dog/a-1.jpg, dog/a.jpg, dog/b.jpg.
  EXPECT_THAT(find_sequences(folder.path()), ElementsAre(folder / "x.mp4", folder / "cat/z.mp4", folder / "dog/a-1",
                                                         folder / "dog/a", folder / "dog/b.mp4"));
  EXPECT_EQ(first_sequence(folder / "dog/a")->depth, 0);
  EXPECT_EQ(first_sequence(folder / "cat")->path, folder / "cat/z.mp4");
  fs::create_directories(folder / "empty/deep");
  EXPECT_FALSE(first_sequence(folder / "empty"));
}

}  // namespace
}  // namespace assemble
