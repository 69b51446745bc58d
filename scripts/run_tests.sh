#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything and runs every test. The last line is "N passed, N failed, N skipped", summed over
#   - the test programs of the release build,
#   - those of the build under address and undefined-behaviour sanitizers,
#   - the programs tests/*_test.sh (exit status 77: skipped), each counted as one test.
# Ends with a status other than 0 when a test failed. Usage: scripts/run_tests.sh [GTEST_FILTER]; with a filter only
# the test programs run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/stages.sh
. scripts/stages.sh
filter=${1:-*}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}

# Cases in which OpenVINO loads and unloads a library that leaks a few bytes, which no suppression can name any more.
readonly kUnloading=Engines.CompiledModelsAreKept:Engines.OpenForeignNetworksOnOpenvinoAlone

# run_preset PRESET FOLDER
run_preset() {
  local name
  build "$1" scripts/build.sh "$1" || return
  for name in $(programs_of "$1"); do run_program "$1-$name" "$2/tests/assemble_${name}_tests" "$filter"; done
  return 0
}

run_script() {
  local status=0
  say "$1"
  "$1" || status=$?
  count "$1" "$status"
}

all=$filter
[ "$filter" != '*' ] || filter="*-$kUnloading"
if run_preset base-asan build-base-asan && [ "$all" = '*' ]; then
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    run_program base-asan-unloading build-base-asan/tests/assemble_runtime_tests "$kUnloading"
fi
filter=$all
if run_preset release build && [ "$filter" = '*' ]; then
  for script in tests/*_test.sh; do run_script "$script"; done
fi
totals
