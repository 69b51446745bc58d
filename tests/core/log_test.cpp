// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "assemble/core/progress.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

class Log : public ::testing::Test {
 protected:
  ~Log() override { set_quiet(false); }
};

TEST_F(Log, GoesToStderr) {
  CaptureStderr();
  log_info("hello");
  log_warning("careful");
  EXPECT_EQ(GetCapturedStderr(), "hello\nwarning: careful\n");
}

TEST_F(Log, QuietKeepsWarnings) {
  set_quiet(true);
  CaptureStderr();
  log_info("hello");
  log_warning("careful");
  { Progress progress("work", 1, "steps"); }
  EXPECT_EQ(GetCapturedStderr(), "warning: careful\n");
}

TEST_F(Log, LinesOfThreadsStayWhole) {
  CaptureStderr();
  {
    std::vector<std::jthread> threads;
    for (char c = 'a'; c < 'e'; ++c) {
      threads.emplace_back([c] {
        for (int i = 0; i < 200; ++i) log_info(std::string(100, c));
      });
    }
  }
  const std::vector<std::string> lines = split(GetCapturedStderr(), '\n');
  ASSERT_EQ(lines.size(), 801u);
  for (size_t i = 0; i < 800; ++i) ASSERT_EQ(lines[i], std::string(100, lines[i][0]));
}

TEST(FormatDuration, PicksItsUnits) {
  EXPECT_EQ(format_duration(4.21), "4.2s");
  EXPECT_EQ(format_duration(0), "0.0s");
  EXPECT_EQ(format_duration(59.96), "1m00s");
  EXPECT_EQ(format_duration(187), "3m07s");
  EXPECT_EQ(format_duration(3599.7), "1h00m");
  EXPECT_EQ(format_duration(3725), "1h02m");
  EXPECT_EQ(format_duration(90 * 3600), "90h00m");
  EXPECT_EQ(format_duration(1.0 / 0.0), "?");
}

TEST_F(Log, ProgressEndsWithOnePlainLine) {
  CaptureStderr();
  {
    Progress progress("training", 10, "images");
    for (int i = 0; i < 10; ++i) progress.advance(1, "loss 1.5");
    progress.finish();
  }
  const std::string text = GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("training 10/10 images, "));
  EXPECT_THAT(text, HasSubstr(" images/s, took 0.0s, loss 1.5\n"));
  EXPECT_EQ(split(text, '\n').size(), 2u);
}

TEST_F(Log, ProgressWithoutATotalCounts) {
  CaptureStderr();
  {
    Progress progress("reading", 0, "files");
    progress.advance(3);
  }
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("reading 3 files, "));
}

}  // namespace
}  // namespace assemble
