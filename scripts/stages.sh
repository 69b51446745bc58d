# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by run_tests.sh: how test programs run, and the counts that it ends with.

readonly kReports=build/test-reports
mkdir -p "$kReports"
# The TBB that OpenVINO brings otherwise loads a library in a way that ends a program under a sanitizer.
export TBB_ENABLE_SANITIZERS=1
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.supp:print_suppressions=0}
passed=0 failed=0 skipped=0

say() { printf '\n== %s\n' "$*"; }

add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

# count NAME STATUS: a step that counts as one test. 77 is the status of one that was skipped.
count() {
  case $2 in
    0) add 1 0 0 ;;
    77) add 0 0 1 ;;
    *) echo "failed: $1 (exit status $2)" >&2; add 0 1 0 ;;
  esac
}

# build NAME COMMAND...: a build that fails counts as one failed test, one that succeeds as none.
build() {
  local name="building $1" status=0
  shift
  say "$name"
  "$@" || status=$?
  [ "$status" -eq 0 ] || count "$name" 1
  return "$status"
}

# A program that ends before it writes its report counts as what its log shows, and one failure for the end itself.
add_from_log() {
  local log=$1 running
  running=$(grep -a '^\[ RUN      \]' "$log" | tail -n 1)
  echo "failed: the test program ended early, at: ${running:-its start}" >&2
  add "$(grep -ac '^\[       OK \]' "$log")" "$(($(grep -ac '^\[  FAILED  \].*ms)$' "$log") + 1))" \
      "$(grep -ac '^\[  SKIPPED \].*ms)$' "$log")"
}

# start_program NAME PROGRAM [FILTER]: runs a GoogleTest program without a word; report_program NAME tells what came of it.
start_program() {
  local name=$1 program=$2 filter=${3:-*} status=0
  rm -f "$kReports/$name.json"
  "$program" --gtest_filter="$filter" --gtest_output="json:$kReports/$name.json" --gtest_brief=0 \
    >"$kReports/$name.log" 2>&1 || status=$?
  echo "$status" >"$kReports/$name.status"
}

# Counts its cases; its log is shown only where it failed.
report_program() {
  local name=$1 report="$kReports/$1.json" log="$kReports/$1.log" status failed_before=$failed
  say "$name"
  status=$(<"$kReports/$name.status")
  if [ -s "$report" ]; then
    # shellcheck disable=SC2046  # three numbers
    add $(python3 scripts/count_tests.py "$report")
    [ "$status" -eq 0 ] || grep -aE -B 30 '^\[  FAILED  \].*ms\)$' "$log" | tail -n 200
    # What sanitizers find beside the cases, leaks at the end for one.
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$failed_before" ]; then
      grep -aE -A 30 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$log" | head -n 200
      count "$name, after its cases" "$status"
    fi
  else
    tail -n 60 "$log"
    add_from_log "$log"
  fi
  grep -aE '^\[==========\] .* ran' "$log"
}

# The last line, and the status to end with.
totals() {
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
