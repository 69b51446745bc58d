// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/video.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include "../../src/image/codec/libav.h"
#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

std::vector<Image> moving_edge(int frames, int height, int width) {
  std::vector<Image> result;
  for (int i = 0; i < frames; ++i) {
    Image image{height, width, {}};
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) image.pixels.push_back(x < 5 + i ? static_cast<uint8_t>(200 - 60 * c) : 40);
      }
    }
    result.push_back(std::move(image));
  }
  return result;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

TEST(Video, KeepsFramesTheirOrderAndOddSizes) {
  const test::TemporaryFolder folder;
  const std::vector<Image> frames = moving_edge(31, 33, 45);
  write_video(folder / "v.mp4", frames);
  const std::vector<Image> read = read_video(folder / "v.mp4");
  ASSERT_EQ(read.size(), frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    ASSERT_EQ(read[i].height, 33);
    ASSERT_EQ(read[i].width, 45);
    EXPECT_LT(mean_difference(read[i], frames[i]), 3) << i;
  }
  EXPECT_THAT(test::list_files(folder.path()), testing::ElementsAre("v.mp4"));
}

TEST(Video, QualityZeroIsNearlyExact) {
  const test::TemporaryFolder folder;
  const std::vector<Image> frames = moving_edge(3, 32, 32);
  write_video(folder / "v.mp4", frames, {.quality = 0});
  EXPECT_LT(mean_difference(read_video(folder / "v.mp4")[2], frames[2]), 1.5);
}

TEST(Video, NamesUnreadableFiles) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of<InputError>([&] { read_video(folder / "none.mp4"); }), HasSubstr("none.mp4"));
  test::write_bytes(folder / "text.mp4", std::vector<uint8_t>(500, 'x'));
  EXPECT_THAT(test::error_of<InputError>([&] { read_video(folder / "text.mp4"); }), HasSubstr("text.mp4"));

  write_video(folder / "v.mp4", moving_edge(8, 32, 32));
  const Bytes whole = read_file(folder / "v.mp4");
  // The index of the samples stands at the end.
  test::write_bytes(folder / "cut.mp4", std::span(whole).first(whole.size() / 2));
  EXPECT_THAT(test::error_of<InputError>([&] { read_video(folder / "cut.mp4"); }), HasSubstr("cut.mp4"));
}

/// What the running program is linked with.
std::vector<std::string> needed_libraries() {
  void* const program = dlopen(nullptr, RTLD_LAZY);
  const link_map* map = nullptr;
  if (dlinfo(program, RTLD_DI_LINKMAP, &map) != 0) return {};
  const char* names = nullptr;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(entry->d_un.d_ptr);
  }
  std::vector<std::string> needed;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_NEEDED) needed.emplace_back(names + entry->d_un.d_val);
  }
  return needed;
}

TEST(Video, LibavIsNoPartOfTheProgram) {
  EXPECT_THAT(needed_libraries(), testing::Contains(testing::StartsWith("libc.so")));
  EXPECT_THAT(needed_libraries(), testing::Not(testing::Contains(testing::StartsWith("libav"))));
}

TEST(Video, AnAbsentLibraryIsNamedWithItsPackage) {
  const std::string error = test::error_of<RunError>([] { libav::load_library("libavformat", 9999); });
  EXPECT_THAT(error, HasSubstr("libavformat.so.9999"));
  EXPECT_THAT(error, HasSubstr("package libavformat9999"));
}

size_t open_files() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

TEST(Video, AVideoThatIsRefusedIsClosed) {
  const test::TemporaryFolder folder;
  write_video(folder / "v.mp4", moving_edge(3, 32, 32));
  std::string bytes = test::read_text(folder / "v.mp4");
  const size_t codec = bytes.find("avc1", bytes.find("stsd"));
  ASSERT_NE(codec, std::string::npos);
  bytes.replace(codec, 4, "????");
  write_file(folder / "unknown.mp4", bytes);
  const size_t before = open_files();
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(test::error_of<InputError>([&] { read_video(folder / "unknown.mp4"); }), HasSubstr("unknown.mp4"));
  }
  EXPECT_EQ(open_files(), before);
}

TEST(Video, LibavKeepsItsLogLevelAndWritesNothing) {
  const libav::Functions& av = libav::functions();
  const int before = av.av_log_get_level();
  av.av_log_set_level(AV_LOG_DEBUG);
  const test::TemporaryFolder folder;
  testing::internal::CaptureStderr();
  write_video(folder / "v.mp4", moving_edge(3, 32, 32));
  read_video(folder / "v.mp4");
  write_file(folder / "damaged.mp4", std::string_view(test::read_text(folder / "v.mp4")).substr(0, 300));
  EXPECT_THROW(read_video(folder / "damaged.mp4"), InputError);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(av.av_log_get_level(), AV_LOG_DEBUG);
  av.av_log_set_level(before);
}

TEST(Video, RefusesFramesThatFillTheMemory) {
  const test::TemporaryFolder folder;
  write_video(folder / "v.mp4", moving_edge(1, 32, 32));
  std::string bytes = test::read_text(folder / "v.mp4");
  const size_t sizes = bytes.find("avc1", bytes.find("stsd")) + 28;  // width and height, 16 bits each
  bytes.replace(sizes, 4, "\x20\x01\x20\x01");
  write_file(folder / "wide.mp4", bytes);
  EXPECT_THAT(test::error_of<InputError>([&] { read_video(folder / "wide.mp4"); }), HasSubstr("wide.mp4"));
}

TEST(Video, RefusesWhatItCannotWrite) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of<UsageError>([&] { write_video(folder / "v.mp4", {}); }), HasSubstr("no frames"));
  std::vector<Image> frames = moving_edge(2, 16, 16);
  frames.push_back(moving_edge(1, 16, 18)[0]);
  EXPECT_THAT(test::error_of<UsageError>([&] { write_video(folder / "v.mp4", frames); }), HasSubstr("one size"));
  EXPECT_THAT(test::error_of<UsageError>([&] { write_video(folder / "v.mp4", moving_edge(1, 8, 8), {.quality = 60}); }),
              HasSubstr("0…51"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace assemble
