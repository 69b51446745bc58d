#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything and runs every test. The last line is "N passed, N failed, N skipped", summed over
#   - the test programs of the release build,
#   - the tests of formats, images and data once more, under address and undefined-behaviour sanitizers,
#   - the programs tests/*_test.sh (exit status 77: skipped), each counted as one test.
# Ends with a status other than 0 when a test failed. Usage: scripts/run_tests.sh [GTEST_FILTER]; with a filter only
# the test programs run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

readonly kReports=build/test-reports
filter=${1:-*}
passed=0 failed=0 skipped=0

say() { printf '\n== %s\n' "$*"; }

add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

# A program that ends before it writes its report counts as what its log shows, and one failure for the end itself.
add_from_log() {
  local log=$1 running
  running=$(grep -a '^\[ RUN      \]' "$log" | tail -n 1)
  echo "failed: the test program ended early, at: ${running:-its start}" >&2
  add "$(grep -ac '^\[       OK \]' "$log")" "$(($(grep -ac '^\[  FAILED  \].*ms)$' "$log") + 1))" \
      "$(grep -ac '^\[  SKIPPED \].*ms)$' "$log")"
}

# run_program NAME PROGRAM: runs a GoogleTest program, showing its log only where it failed.
run_program() {
  local name=$1 program=$2
  local report="$kReports/$name.json" log="$kReports/$name.log" status=0
  say "$name"
  rm -f "$report"
  "$program" --gtest_filter="$filter" --gtest_output="json:$report" --gtest_brief=0 >"$log" 2>&1 || status=$?
  if [ -s "$report" ]; then
    # shellcheck disable=SC2046  # three numbers
    add $(python3 scripts/count_tests.py "$report")
    [ "$status" -eq 0 ] || grep -aE -B 30 '^\[  FAILED  \].*ms\)$' "$log" | tail -n 200
  else
    tail -n 60 "$log"
    add_from_log "$log"
  fi
  grep -aE '^\[==========\] .* ran' "$log"
}

# build NAME COMMAND...: a build that fails counts as one failed test.
build() {
  local name=$1
  shift
  say "building: $name"
  if ! "$@"; then
    echo "failed: building $name" >&2
    add 0 1 0
    return 1
  fi
}

run_script() {
  local script=$1 status=0
  say "$script"
  "$script" || status=$?
  case $status in
    0) add 1 0 0 ;;
    77) add 0 0 1 ;;
    *) echo "failed: $script (exit status $status)" >&2; add 0 1 0 ;;
  esac
}

mkdir -p "$kReports"
if build "base tests with sanitizers" scripts/build.sh base-asan; then
  ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1} \
    run_program base-asan build-base-asan/tests/assemble_base_tests
fi
if build "release" scripts/build.sh release; then
  run_program base build/tests/assemble_base_tests
  run_program torch build/tests/assemble_torch_tests
  if [ "$filter" = '*' ]; then
    for script in tests/*_test.sh; do run_script "$script"; done
  fi
fi

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
