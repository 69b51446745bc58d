// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace assemble {

/// A stretch of time that a thread spent on something.
struct Span {
  std::string category;  ///< "loader", "training", "operator"
  std::string name;
  int64_t thread = 0;  ///< the kernel's number
  std::chrono::steady_clock::time_point begin, end;
};

/// From now on the process keeps the spans of all its threads. Until then a span costs the look at one flag.
/// @throws UsageError when they are kept already
void begin_spans();
/// Whether spans are kept.
bool spans_are_kept();
/// Keeps one of the calling thread; does nothing where they are not kept.
void add_span(const char* category, const char* name, std::chrono::steady_clock::time_point begin,
              std::chrono::steady_clock::time_point end);
/// Ends it. @return what was kept, in the order in which the spans ended
std::vector<Span> end_spans();

/// The life of this object, as a span.
class ScopedSpan {
 public:
  ScopedSpan(const char* category, const char* name) : category_(category), name_(name) {
    if (spans_are_kept()) begin_ = std::chrono::steady_clock::now();
  }
  ~ScopedSpan() {
    if (begin_ != std::chrono::steady_clock::time_point()) {
      add_span(category_, name_, begin_, std::chrono::steady_clock::now());
    }
  }
  ScopedSpan(const ScopedSpan&) = delete;
  ScopedSpan& operator=(const ScopedSpan&) = delete;

 private:
  const char* category_;
  const char* name_;
  std::chrono::steady_clock::time_point begin_{};
};

/// Spans in Chrome's trace event format (JSON), which chrome://tracing and https://ui.perfetto.dev show: microseconds
/// since the first began, a row a thread, called by the category of its first span.
std::string chrome_trace(const std::vector<Span>& spans);

}  // namespace assemble
