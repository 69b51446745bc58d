#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of what starts threads, built under the thread sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."
export TBB_ENABLE_SANITIZERS=1

# races FILTER OPTIONS
races() {
  TSAN_OPTIONS="suppressions=tests/tsan.supp:$2" build/tests/assemble_race_tests --gtest_brief=1 --gtest_filter="$1"
}
status=0
races '-Trainer*' detect_deadlocks=1 || status=$?
# A function of autograd ends on the unlocking of a mutex, which GCC makes a jump out of LibTorch, where the sanitizer
# does not look: it would soon have no room for the mutexes that it believes locked.
races 'Trainer*' detect_deadlocks=0 || status=$?
exit "$status"
