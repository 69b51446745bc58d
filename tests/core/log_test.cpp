// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "assemble/core/progress.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

/// Keeps what it is given.
struct KeptLog : LogSink {
  void log(LogLevel level, const std::string& message) override { lines.emplace_back(level, message); }
  void show(const ProgressUpdate& update) override { updates.push_back(update); }
  std::chrono::milliseconds pause() const override { return std::chrono::milliseconds(0); }

  std::vector<std::pair<LogLevel, std::string>> lines;
  std::vector<ProgressUpdate> updates;
};

TEST(Log, GoesToStderr) {
  CaptureStderr();
  log_info("hello");
  log_warning("careful");
  EXPECT_EQ(GetCapturedStderr(), "hello\nwarning: careful\n");
}

TEST(Log, AQuietSinkShowsWarningsAlone) {
  const ScopedLogSink quiet(std::make_shared<StderrSink>(/*quiet=*/true));
  CaptureStderr();
  log_info("hello");
  log_warning("careful");
  { Progress progress("work", 1, "steps"); }
  EXPECT_EQ(GetCapturedStderr(), "warning: careful\n");
}

TEST(Log, GoesToTheSinkOfTheProgram) {
  const auto kept = std::make_shared<KeptLog>();
  CaptureStderr();
  {
    const ScopedLogSink scope(kept);
    log_info("hello");
    log_warning("careful");
    Progress progress("training", 10, "images");
    progress.advance(4, "loss 1.5");
    progress.advance(6);
  }
  EXPECT_EQ(GetCapturedStderr(), "");
  EXPECT_THAT(kept->lines, ElementsAre(Pair(LogLevel::kInfo, "hello"), Pair(LogLevel::kWarning, "careful")));
  ASSERT_EQ(kept->updates.size(), 3u);
  const ProgressUpdate& first = kept->updates[0];
  EXPECT_EQ(first.label + " " + first.unit + " " + first.note, "training images loss 1.5");
  EXPECT_EQ(first.done, 4);
  EXPECT_EQ(first.total, 10);
  EXPECT_FALSE(first.is_last);
  EXPECT_EQ(kept->updates[2].done, 10);
  EXPECT_TRUE(kept->updates[2].is_last);
  CaptureStderr();
  log_info("again");
  EXPECT_EQ(GetCapturedStderr(), "again\n");
}

TEST(Log, LinesOfThreadsStayWhole) {
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

TEST(Log, ProgressEndsWithOnePlainLine) {
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

TEST(Log, ProgressWithoutATotalCounts) {
  CaptureStderr();
  {
    Progress progress("reading", 0, "files");
    progress.advance(3);
  }
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("reading 3 files, "));
}

}  // namespace
}  // namespace assemble
