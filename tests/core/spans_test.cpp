// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/spans.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "assemble/core/error.h"

namespace assemble {
namespace {

TEST(Spans, AreKeptOfAllThreadsBetweenBeginAndEnd) {
  { const ScopedSpan before("test", "before"); }
  begin_spans();
  EXPECT_TRUE(spans_are_kept());
  EXPECT_THROW(begin_spans(), UsageError);
  {
    const ScopedSpan outer("test", "outer");
    std::thread([] { const ScopedSpan inner("other", "inner"); }).join();
  }
  const std::vector<Span> spans = end_spans();
  { const ScopedSpan after("test", "after"); }
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].name, "inner");
  EXPECT_EQ(spans[1].name, "outer");
  EXPECT_NE(spans[0].thread, spans[1].thread);
  EXPECT_LE(spans[1].begin, spans[0].begin);
  EXPECT_GE(spans[1].end, spans[0].end);
  EXPECT_TRUE(end_spans().empty());
}

TEST(Spans, BecomeAChromeTrace) {
  const std::chrono::steady_clock::time_point start{std::chrono::seconds(5)};
  const auto at = [&](int64_t microseconds) { return start + std::chrono::microseconds(microseconds); };
  const auto trace = nlohmann::json::parse(
      chrome_trace({{"loader", "read", 7, at(10), at(30)}, {"training", "step", 8, at(0), at(100)}}));
  const auto& events = trace.at("traceEvents");
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].at("args").at("name"), "loader");
  EXPECT_EQ(events[1].at("ph"), "X");
  EXPECT_EQ(events[1].at("ts"), 10);
  EXPECT_EQ(events[1].at("dur"), 20);
  EXPECT_EQ(events[3].at("ts"), 0);
  EXPECT_EQ(events[3].at("tid"), 8);
}

}  // namespace
}  // namespace assemble
