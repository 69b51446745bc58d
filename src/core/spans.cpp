// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/spans.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/json.h"

namespace assemble {
namespace {

struct Kept {
  std::atomic<bool> is_on{false};
  std::mutex mutex;
  std::vector<Span> spans;
};

Kept& kept() {
  static Kept all;
  return all;
}

double microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

}  // namespace

void begin_spans() {
  const std::lock_guard lock(kept().mutex);
  if (kept().is_on) throw UsageError("profile", "another one is under way in this process");
  kept().spans.clear();
  kept().is_on = true;
}

bool spans_are_kept() { return kept().is_on.load(std::memory_order_relaxed); }

void add_span(const char* category, const char* name, std::chrono::steady_clock::time_point begin,
              std::chrono::steady_clock::time_point end) {
  static thread_local const int64_t thread = syscall(SYS_gettid);
  const std::lock_guard lock(kept().mutex);
  if (kept().is_on) kept().spans.push_back({category, name, thread, begin, end});
}

std::vector<Span> end_spans() {
  const std::lock_guard lock(kept().mutex);
  kept().is_on = false;
  return std::exchange(kept().spans, {});
}

std::string chrome_trace(const std::vector<Span>& spans) {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  std::set<int64_t> named;
  auto first = std::chrono::steady_clock::time_point::max();
  for (const Span& span : spans) first = std::min(first, span.begin);
  for (const Span& span : spans) {
    if (named.insert(span.thread).second) {
      events.push_back({{"ph", "M"},
                        {"name", "thread_name"},
                        {"pid", 1},
                        {"tid", span.thread},
                        {"args", {{"name", span.category}}}});
    }
    events.push_back({{"ph", "X"},
                      {"cat", span.category},
                      {"name", span.name},
                      {"pid", 1},
                      {"tid", span.thread},
                      {"ts", microseconds(span.begin - first)},
                      {"dur", microseconds(span.end - span.begin)}});
  }
  return json_text(nlohmann::ordered_json{{"traceEvents", events}, {"displayTimeUnit", "ms"}});
}

}  // namespace assemble
