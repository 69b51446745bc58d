// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace assemble {

/// What the processes of a job tell each other. All call the same functions in the same order; each waits for the
/// others. This one is for a process alone.
class Exchange {
 public:
  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  virtual int rank() const { return 0; }
  virtual int world() const { return 1; }
  bool is_first() const { return rank() == 0; }
  bool is_shared() const { return world() > 1; }

  /// The text of each rank, in the order of the ranks; any bytes.
  virtual std::vector<std::string> gather(const std::string& text) { return {text}; }
  /// Rank 0's text.
  std::string broadcast(const std::string& text) { return gather(is_first() ? text : "").front(); }

  /// Tells the others that this process ends with an error: theirs will say it.
  virtual void fail(const std::string&) {}
};

/// @throws UsageError naming the first rank that says something else than rank 0, and what
void require_same(Exchange& ranks, const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace assemble
