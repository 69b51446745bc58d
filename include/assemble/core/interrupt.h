// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// While alive, the first Ctrl-C (SIGINT) or SIGTERM asks the work to stop at its next safe point; a second one ends
/// the process at once. Guards may be alive at the same time, on any threads: they share the request. When the last one
/// is gone, the handlers that the first one found are back.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool requested() const;
};

}  // namespace assemble
