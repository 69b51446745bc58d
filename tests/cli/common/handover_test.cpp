// SPDX-License-Identifier: Apache-2.0
#include "common/handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "assemble/core/text.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using test::CommandResult;
using testing::HasSubstr;
using testing::StartsWith;

/// The program `assemble` alone in a folder bin/, with stand-ins for assemble-torch.
class HandOver : public testing::Test {
 protected:
  HandOver() {
    unsetenv("ASSEMBLE_EXEC_PATH");
    fs::create_directories(folder_ / "bin");
    fs::copy_file(test::command_program(), program());
  }
  ~HandOver() override { unsetenv("ASSEMBLE_EXEC_PATH"); }

  fs::path program() const { return folder_ / "bin/assemble"; }

  /// A program that says where it lies, what it got and what it reads, and ends with 42.
  fs::path stand_in(const std::string& place) const {
    const fs::path path = folder_ / place / kTorchProgram;
    fs::create_directories(path.parent_path());
    write_file(path, std::string_view("#!/bin/sh\necho \"$0 $* $ASSEMBLE_HAND_OVER_TEST$(cat)\"\nexit 42\n"));
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }

  CommandResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program().string());
    return test::run_program(std::move(arguments));
  }

  test::TemporaryFolder folder_;
};

TEST_F(HandOver, WithoutTheOtherProgramTheErrorSaysWhatNeedsItAndHowToGetIt) {
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"train"}, {"model", "--help"}, {"demo", "--json"}}) {
    const CommandResult result = run(call);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.standard_output, "");
    EXPECT_THAT(result.standard_error, StartsWith("assemble: error: " + call[0] + ": needs LibTorch"));
    EXPECT_THAT(result.standard_error,
                HasSubstr(concat("the program assemble-torch, which is in none of ", (folder_ / "bin").string(), ", ",
                                 (folder_ / "libexec/assemble").string(),
                                 " (build it with `make build`, or name its "
                                 "folder in the variable ASSEMBLE_EXEC_PATH)")));
  }
  const CommandResult eval = run({"eval", "--model", "m", "--data", "d", "--world", "2"});
  EXPECT_EQ(eval.exit_code, 2);
  EXPECT_THAT(eval.standard_error, StartsWith("assemble: error: --world above 1: needs LibTorch"));
}

TEST_F(HandOver, TheCommandOfADebianPackageNamesTheOther) {
  const NeedsTorch need("train");
  EXPECT_THAT(torch_program_missing(need, "/usr/bin/assemble").what(),
              HasSubstr("which is in none of /usr/bin, /usr/libexec/assemble (install the Debian package "
                        "assemble-training, or name its folder in the variable ASSEMBLE_EXEC_PATH)"));
  EXPECT_THAT(torch_program_missing(need, "/usr/local/bin/assemble").what(), HasSubstr("build it with `make build`"));
}

TEST_F(HandOver, ArgumentsEnvironmentAndStatusPassThrough) {
  const fs::path found = stand_in("bin");
  setenv("ASSEMBLE_HAND_OVER_TEST", "seen", 1);
  const CommandResult result = run({"train", "--data", "a b", "--no-such-flag"});
  unsetenv("ASSEMBLE_HAND_OVER_TEST");
  EXPECT_EQ(result.exit_code, 42);
  EXPECT_EQ(result.standard_output, found.string() + " train --data a b --no-such-flag seen\n");
  EXPECT_EQ(result.standard_error, "");
}

TEST_F(HandOver, ThreadsOfTheOtherProgramSpinLessUnlessToldOtherwise) {
  write_file(stand_in("bin"), std::string_view("#!/bin/sh\necho \"$GOMP_SPINCOUNT,$OMP_WAIT_POLICY\"\n"));
  fs::permissions(folder_ / "bin" / kTorchProgram, fs::perms::owner_all);
  const auto answer = [&](const char* name, const char* value) {
    if (name != nullptr) setenv(name, value, 1);
    const std::string output = run({"train"}).standard_output;
    if (name != nullptr) unsetenv(name);
    return output;
  };
  EXPECT_EQ(answer(nullptr, nullptr), "30000,\n");
  EXPECT_EQ(answer("GOMP_SPINCOUNT", "7"), "7,\n");
  EXPECT_EQ(answer("OMP_WAIT_POLICY", "active"), ",active\n");
}

TEST_F(HandOver, WhatARuntimeCommandNeedsIsHandedOverToo) {
  stand_in("bin");
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"eval", "--model", "m", "--data", "d", "--world", "2"},
        {"benchmark", "--arch", "resnet50"}}) {
    const CommandResult result = run(call);
    EXPECT_EQ(result.exit_code, 42);
    EXPECT_THAT(result.standard_output, HasSubstr(" " + join(call, " ") + " "));
  }
  EXPECT_EQ(run({"eval", "--model", "m"}).exit_code, 2) << "usage is checked first";
}

TEST_F(HandOver, TheOtherProgramIsLookedForInThreePlaces) {
  EXPECT_EQ(find_torch_program(program()), fs::path());
  const fs::path below = stand_in("libexec/assemble");
  EXPECT_EQ(find_torch_program(program()), below);
  EXPECT_EQ(run({"train"}).exit_code, 42);
  const fs::path beside = stand_in("bin");
  EXPECT_EQ(find_torch_program(program()), beside);
  const fs::path given = stand_in("elsewhere");
  setenv("ASSEMBLE_EXEC_PATH", given.parent_path().c_str(), 1);
  EXPECT_EQ(find_torch_program(program()), given);
  setenv("ASSEMBLE_EXEC_PATH", "/nonexistent", 1);
  EXPECT_EQ(find_torch_program(program()), beside);
}

TEST_F(HandOver, AProgramThatCannotBeStartedIsNamed) {
  fs::permissions(stand_in("bin"), fs::perms::owner_read);
  const CommandResult result = run({"train"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.standard_error, HasSubstr("assemble-torch: cannot be started"));
}

TEST_F(HandOver, ALinkToItselfIsNotStarted) {
  fs::create_symlink(program(), folder_ / "bin" / kTorchProgram);
  EXPECT_EQ(run({"train"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble::cli
