// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hwy/highway.h>

#include <string>

namespace assemble::test {

/// Calls `check` with the name of each kind of processor that this one can stand for, while the library's vector
/// instructions are that kind's.
template <typename Check>
void for_each_simd_target(Check check) {
  const auto use = [](int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);  // 0: the processor's own
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  };
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    use(target);
    check(std::string(hwy::TargetName(target)));
  }
  use(0);
}

}  // namespace assemble::test
