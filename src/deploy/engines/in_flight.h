// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace assemble {

/// Requests that compute at the same time. None computes any more at the end of the scope, also when one throws, so
/// that what they read, declared before, may go.
template <typename Request>
class InFlight {
 public:
  explicit InFlight(std::vector<Request>& requests) : requests_(requests) {}
  ~InFlight() {
    for (; finished_ < started_; ++finished_) {
      try {
        requests_[finished_].wait();
      } catch (...) {  // its result is not wanted any more
      }
    }
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// Requests are started, and waited for, in their order.
  void start() { requests_[started_].start_async(), ++started_; }
  Request& wait() {
    Request& request = requests_[finished_++];
    request.wait();
    return request;
  }
  size_t started() const { return started_; }

 private:
  std::vector<Request>& requests_;
  size_t started_ = 0, finished_ = 0;
};

}  // namespace assemble
