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
export kReports  # for start_scripts
readonly kUnloading=Engines.CompiledModelsAreKept:Engines.OpenForeignNetworksOnOpenvinoAlone

# start_scripts NAMES: those of tests/*_test.sh, the next as soon as one has ended. They wait for processes that they have
# killed and for packages that they fetch, so there are more of them than cores.
start_scripts() {
  # shellcheck disable=SC2016  # the inner shell's
  printf '%s\n' "$@" | xargs -P "$(($(nproc) + 1))" -I{} bash -c '
    SECONDS=0 status=0
    "$1" >"$kReports/$(basename "$1").log" 2>&1 || status=$?
    echo "took $SECONDS s" >>"$kReports/$(basename "$1").log"
    echo "$status" >"$kReports/$(basename "$1").status"' _ {}
}

report_script() {
  say "$1"
  cat "$kReports/$(basename "$1").log"
  count "$1" "$(<"$kReports/$(basename "$1").status")"
}

# Under the sanitizers a program runs on one core, so the other half is built and tested beside it.
built=true programs=()
build release scripts/build.sh release assemble_command assemble_runtime_tests || built=false
if $built && build base-asan scripts/build.sh base-asan; then
  program=build-base-asan/tests/assemble_runtime_tests
  programs+=(base-asan)
  if [ "$filter" = '*' ]; then
    programs+=(base-asan-unloading)
    { start_program base-asan "$program" "*-$kUnloading"
      ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 start_program base-asan-unloading "$program" "$kUnloading"
    } &
  else
    start_program base-asan "$program" "$filter" &
  fi
fi
! $built || build release scripts/build.sh release || built=false
if $built; then
  # Training of tiny networks keeps one core busy, so of the parts of the tests of it two run at a time. Their threads do not
  # take the cores from each other by spinning while they wait.
  readonly kParts=6
  programs+=(release-runtime)
  start_program release-runtime build/tests/assemble_runtime_tests "$filter" &
  for first in 0 1; do
    for ((part = first; part < kParts; part += 2)); do
      OMP_WAIT_POLICY=passive GTEST_TOTAL_SHARDS=$kParts GTEST_SHARD_INDEX=$part \
        start_program "release-torch-$part" build/tests/assemble_torch_tests "$filter"
    done &
  done
  for ((part = 0; part < kParts; ++part)); do programs+=("release-torch-$part"); done
fi
wait
for name in "${programs[@]}"; do report_program "$name"; done
if $built; then
  if [ "$filter" = '*' ]; then
    # The longest come first.
    first=(tests/kill_test.sh tests/pages_test.sh tests/wheel_test.sh tests/network_cut_test.sh)
    rest=()
    for script in tests/*_test.sh; do
      case " ${first[*]} " in *" $script "*) ;; *) rest+=("$script") ;; esac
    done
    start_scripts "${first[@]}" "${rest[@]}"
    for script in tests/*_test.sh; do report_script "$script"; done
  fi
fi
totals
