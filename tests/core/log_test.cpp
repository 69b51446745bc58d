// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "assemble/core/progress.h"
#include "assemble/core/terminal.h"
#include "assemble/core/text.h"
#include "pseudo_terminal.h"

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

/// What a terminal of so many columns shows of a piece of work: its lines as they stood, one after the other.
std::vector<std::string> shown_by_terminal(unsigned short columns, const ProgressUpdate& update) {
  const test::ScopedVariable wished("COLUMNS", nullptr), term("TERM", "xterm");
  const test::PseudoTerminal terminal(columns);
  const test::RedirectedStream redirected(STDERR_FILENO, terminal.descriptor());
  StderrSink sink;
  sink.show(update);
  ProgressUpdate last = update;
  last.done = last.total;
  last.is_last = true;
  sink.show(last);
  std::vector<std::string> lines;
  for (const std::string& part : split(terminal.read_written(), '\r')) {
    if (part.starts_with("\033[K")) lines.push_back(part.substr(3));
  }
  return lines;
}

TEST(Log, ProgressFitsIntoTheTerminal) {
  const ProgressUpdate update{.label = "training resnet50+bl+sk+aa3",
                              .unit = "steps",
                              .note = "loss 1.931  55.0 images/s",
                              .done = 40,
                              .total = 100,
                              .seconds = 20};
  EXPECT_THAT(
      shown_by_terminal(160, update),
      ElementsAre("training resnet50+bl+sk+aa3 [#########...............] 40/100 steps, 2.00 steps/s, 30.0s left, "
                  "loss 1.931  55.0 images/s",
                  "training resnet50+bl+sk+aa3 [########################] 100/100 steps, 5.00 steps/s, took 20.0s, "
                  "loss 1.931  55.0 images/s"));
  EXPECT_THAT(shown_by_terminal(100, update)[0],
              "training resnet50+bl+sk+aa3 40/100 steps, 2.00 steps/s, 30.0s left, loss 1.931  55.0 images/s");
  EXPECT_THAT(shown_by_terminal(72, update)[0],
              "training resnet50+bl+sk+aa3 40/100 steps, 30.0s left, loss 1.931  55.0…");
  EXPECT_THAT(shown_by_terminal(40, update)[0], "training resn… 40/100 steps, 30.0s left");
  EXPECT_THAT(shown_by_terminal(20, update)[0], "40/100 steps, 30.0…");
  for (unsigned short columns = 1; columns < 160; ++columns) {
    for (const std::string& line : shown_by_terminal(columns, update)) {
      EXPECT_LT(display_width(line), columns) << line << ": a terminal would break it, and redraw its end alone";
    }
  }
}

TEST(Log, ADumbTerminalGetsPlainLines) {
  const test::ScopedVariable term("TERM", "dumb");
  const test::PseudoTerminal terminal(40);
  const test::RedirectedStream redirected(STDERR_FILENO, terminal.descriptor());
  EXPECT_EQ(StderrSink().pause(), std::chrono::seconds(10));
  StderrSink().show({.label = "reading", .unit = "files", .note = "", .done = 3, .total = 4, .seconds = 1});
  EXPECT_EQ(terminal.read_written(), "reading 3/4 files, 3.00 files/s, 0.3s left\r\n");
}

}  // namespace
}  // namespace assemble
