// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::FileSizeLimit;
using test::list_files;
using test::read_text;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ReadFile, ReadsWhatWasWritten) {
  TemporaryFolder folder;
  const Bytes bytes = {0, 255, 10, 13, 0};
  write_file(folder / "a", bytes);
  EXPECT_EQ(read_file(folder / "a"), bytes);
  write_file(folder / "a", std::string_view(""));
  EXPECT_THAT(read_file(folder / "a"), IsEmpty());
}

TEST(ReadFile, KeepsToItsLimit) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("12345"));
  EXPECT_EQ(read_file(folder / "a", 5).size(), 5u);
  EXPECT_THAT(error_of<InputError>([&] { read_file(folder / "a", 4); }), HasSubstr("is larger than 4 bytes"));
}

TEST(ReadFile, ReadsFilesWithoutASize) {
  EXPECT_THAT(read_file("/proc/self/status").size(), ::testing::Gt(100u));
  EXPECT_THAT(error_of<InputError>([] { read_file("/dev/zero", 100000); }), HasSubstr("larger than 100000"));
}

TEST(ReadFile, SaysWhatIsWrong) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("x"));
  EXPECT_THAT(error_of<InputError>([&] { read_file(folder / "none"); }),
              HasSubstr("none: cannot read: No such file or directory (check the path)"));
  EXPECT_THAT(error_of<InputError>([&] { read_file(folder.path()); }), HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(error_of<InputError>([&] { read_file(folder / "a/b"); }), HasSubstr("a part of the path is a file"));
}

TEST(RandomAccessFile, ReadsAnyPart) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("0123456789"));
  RandomAccessFile opened(folder / "a");
  const RandomAccessFile file(std::move(opened));
  EXPECT_EQ(file.size(), 10u);
  Bytes part(3);
  file.read(7, part);
  EXPECT_EQ(part, Bytes({'7', '8', '9'}));
  file.read(10, std::span<uint8_t>());
}

TEST(RandomAccessFile, NamesTheOffsetOfATruncation) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("0123456789"));
  const RandomAccessFile file(folder / "a");
  Bytes part(4);
  EXPECT_THAT(error_of<InputError>([&] { file.read(7, part); }),
              HasSubstr("a at offset 7: the file ends at 10, 1 bytes are missing"));
  EXPECT_THAT(error_of<InputError>([&] { file.read(UINT64_MAX - 1, part); }), HasSubstr("4 bytes are missing"));
}

TEST(RandomAccessFile, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(error_of<InputError>([] { RandomAccessFile("/dev/zero"); }), HasSubstr("expected a regular file"));
  EXPECT_THAT(error_of<InputError>([] { RandomAccessFile("/tmp"); }), HasSubstr("is a folder"));
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("old"));
  AtomicFile file(folder / "a");
  file.write("abc");
  file.write("def");
  EXPECT_EQ(file.position(), 6u);
  file.write_at(1, Bytes{'X'});
  EXPECT_EQ(file.position(), 6u);
  EXPECT_EQ(read_text(folder / "a"), "old");
  file.commit();
  EXPECT_EQ(read_text(folder / "a"), "aXcdef");
  EXPECT_THAT(list_files(folder.path()), ElementsAre("a"));
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("old"));
  {
    AtomicFile file(folder / "a");
    file.write("new");
    EXPECT_EQ(list_files(folder.path()).size(), 2u);
  }
  EXPECT_THAT(list_files(folder.path()), ElementsAre("a"));
  EXPECT_EQ(read_text(folder / "a"), "old");
}

TEST(AtomicFile, OnAFullDiskKeepsTheOldFile) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("old"));
  {
    const FileSizeLimit limit(1000);
    EXPECT_THAT(error_of<RunError>([&] { write_file(folder / "a", Bytes(1001)); }), HasSubstr("cannot write"));
  }
  EXPECT_THAT(list_files(folder.path()), ElementsAre("a"));
  EXPECT_EQ(read_text(folder / "a"), "old");
}

TEST(AtomicFile, WritesDevicesInPlace) {
  EXPECT_THAT(error_of<RunError>([] { write_file("/dev/full", std::string_view("x")); }),
              HasSubstr("/dev/full: cannot write: No space left on device (free some space"));
  EXPECT_NO_THROW(write_file("/dev/null", std::string_view("x")));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(AtomicFile, ReplacesTheTargetOfALink) {
  TemporaryFolder folder;
  fs::create_directory(folder / "real");
  write_file(folder / "real/a", std::string_view("old"));
  fs::create_symlink("real/a", folder / "link");
  write_file(folder / "link", std::string_view("new"));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "real/a"), "new");
}

TEST(AtomicFile, SaysWhyItCannotBeCreated) {
  TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  EXPECT_THAT(error_of<RunError>([&] { AtomicFile(folder / "file/a"); }), HasSubstr("a part of the path is a file"));
  EXPECT_THAT(error_of<RunError>([&] { AtomicFile(folder / "none/a"); }), HasSubstr("none/a: cannot create: No such"));
  EXPECT_THAT(error_of<RunError>([&] { AtomicFile(folder.path()); }), HasSubstr("is a folder, expected a file"));
}

TEST(AtomicFile, RefusesASecondWriter) {
  TemporaryFolder folder;
  AtomicFile first(folder / "a");
  EXPECT_THAT(error_of<RunError>([&] { AtomicFile(folder / "a"); }), HasSubstr("is already being written"));
}

TEST(AtomicFile, NoWriterTruncatesWhatAnotherHasCommitted) {
  TemporaryFolder folder;
  write_file(folder / "a", std::string_view("whole"));
  std::atomic<int> committed = 0;
  const auto write_often = [&] {
    while (committed < 1000) {
      try {
        AtomicFile file(folder / "a");
        file.write("whole");
        file.commit(/*flush=*/false);
        ++committed;
      } catch (const RunError& error) {
        EXPECT_THAT(error.what(), HasSubstr("is already being written"));
      }
    }
  };
  std::vector<std::jthread> writers;
  for (int i = 0; i < 3; ++i) writers.emplace_back(write_often);
  int torn = 0;
  while (committed < 1000) torn += read_text(folder / "a") != "whole";
  writers.clear();
  EXPECT_EQ(torn, 0);
  EXPECT_THAT(list_files(folder.path()), ElementsAre("a"));
}

TEST(MakeDirectories, CreatesParents) {
  TemporaryFolder folder;
  make_directories(folder / "a/b/c/");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  EXPECT_NO_THROW(make_directories(folder / "a/b/c"));
  EXPECT_NO_THROW(make_directories(""));
}

TEST(MakeDirectories, NamesThePartThatCannotBe) {
  TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  EXPECT_THAT(error_of<RunError>([&] { make_directories(folder / "file/a/b"); }),
              HasSubstr((folder / "file").string() + ": cannot create folder"));
}

TEST(RemoveStaleTemporaries, RemovesWhatAKilledProcessLeft) {
  TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write("half");
    _exit(0);  // runs no destructor, as when killed
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_EQ(list_files(folder.path()).size(), 1u);

  AtomicFile open(folder / "b");
  for (const char* name : {"c.tmp-12", ".tmp-12", ".d.tmp-12x", ".e.tmp-"}) {
    write_file(folder / name, std::string_view("x"));
  }
  remove_stale_temporaries(folder.path());
  EXPECT_THAT(list_files(folder.path()),
              ElementsAre(concat(".b.tmp-", getpid()), ".d.tmp-12x", ".e.tmp-", ".tmp-12", "c.tmp-12"));
  EXPECT_NO_THROW(remove_stale_temporaries(folder / "none"));
}

TEST(AtomicFile, TakesOverATemporaryOfItsOwnName) {
  TemporaryFolder folder;
  write_file(folder / concat(".a.tmp-", getpid()), std::string_view("left by an earlier process of this number"));
  write_file(folder / "a", std::string_view("new"));
  EXPECT_EQ(read_text(folder / "a"), "new");
  EXPECT_THAT(list_files(folder.path()), ElementsAre("a"));
}

}  // namespace
}  // namespace assemble
