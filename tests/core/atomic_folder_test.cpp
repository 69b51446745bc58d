// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/atomic_folder.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(AtomicFolder, AppearsWholeWhenItIsCommitted) {
  const test::TemporaryFolder above;
  const fs::path target = above / "new/deep/package/";
  {
    AtomicFolder folder(target);
    write_file(folder.staged() / "a.txt", std::string_view("a"));
    fs::create_directory(folder.staged() / "b");
    EXPECT_FALSE(fs::exists(target));
    folder.commit();
    EXPECT_EQ(test::read_text(target / "a.txt"), "a");
  }
  EXPECT_TRUE(fs::is_directory(target / "b"));
  EXPECT_EQ(test::list_files(above / "new/deep"), std::vector<std::string>{"package"});
}

TEST(AtomicFolder, LeavesNothingWithoutACommit) {
  const test::TemporaryFolder above;
  {
    const AtomicFolder folder(above / "package");
    write_file(folder.staged() / "a.txt", std::string_view("a"));
  }
  EXPECT_THAT(test::list_files(above.path()), IsEmpty());
}

TEST(AtomicFolder, TakesThePlaceOfAnEmptyFolderAlsoThroughALink) {
  const test::TemporaryFolder above;
  fs::create_directory(above / "empty");
  fs::create_directory_symlink(above / "empty", above / "link");
  AtomicFolder folder(above / "link");
  write_file(folder.staged() / "a.txt", std::string_view("a"));
  folder.commit();
  EXPECT_TRUE(fs::is_symlink(above / "link"));
  EXPECT_EQ(test::read_text(above / "empty/a.txt"), "a");
}

TEST(AtomicFolder, RefusesWhatIsThereAlready) {
  const test::TemporaryFolder above;
  fs::create_directory(above / "full");
  write_file(above / "full/mine", std::string_view("mine"));
  const auto refused = [](const fs::path& path) {
    return test::error_of<UsageError>([&] { const AtomicFolder folder(path); });
  };
  EXPECT_THAT(refused(above / "full"), HasSubstr("holds something already"));
  EXPECT_THAT(refused(above / "full/mine"), HasSubstr("is a file"));
  EXPECT_THAT(refused(""), HasSubstr("empty"));
  EXPECT_EQ(test::list_files(above.path()), std::vector<std::string>{"full"});
  AtomicFolder late(above / "late");
  fs::create_directory(above / "late");
  write_file(above / "late/mine", std::string_view("mine"));
  EXPECT_THAT(test::error_of<RunError>([&] { late.commit(); }), HasSubstr("late"));
  EXPECT_EQ(test::read_text(above / "late/mine"), "mine");
}

TEST(AtomicFolder, AReadOnlyFolderIsAnError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const test::TemporaryFolder above;
  fs::permissions(above.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(test::error_of<RunError>([&] { const AtomicFolder folder(above / "package"); }),
              HasSubstr("check the permissions"));
  fs::permissions(above.path(), fs::perms::owner_all);
}

TEST(AtomicFolder, RemovesWhatAKilledProcessLeftAndNothingElse) {
  const test::TemporaryFolder above;
  const pid_t child = fork();
  if (child == 0) {
    const AtomicFolder folder(above / "package");
    write_file(folder.staged() / "half", std::string_view("half"));
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(test::list_files(above.path()), std::vector<std::string>{concat(".package.tmp-", child)});
  fs::create_directory(above / ".package.tmp-notes");
  const AtomicFolder other(above / "other");
  AtomicFolder folder(above / "package");
  folder.commit();
  EXPECT_EQ(test::list_files(above.path()),
            (std::vector<std::string>{concat(".other.tmp-", getpid()), ".package.tmp-notes", "package"}));
}

}  // namespace
}  // namespace assemble
