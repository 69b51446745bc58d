#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that continuous integration runs: `make test` with warnings as errors, and what is too slow or too seldom
# wrong for every day. The last line is "N passed, N failed, N skipped": what `make test` and the races count, and each
# stage as one test more. Before it stand the stages' times.
#
#   ASSEMBLE_CI_SKIP="fuzz races"   stages to leave out
#   SECONDS_EACH=10                 seconds for each fuzzer
#   TIDY_SECONDS=300                seconds after which clang-tidy starts no further source
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/stages.sh
. scripts/stages.sh
export ASSEMBLE_WERROR=ON TIDY_SECONDS=${TIDY_SECONDS:-300} SECONDS_EACH=${SECONDS_EACH:-10}

# Format, licence lines and clang-tidy of what the commit touches; every shell script.
stage_lint() {
  scripts/lint.sh changed
}

# The manual, whose warnings are errors.
stage_docs() {
  scripts/docs.sh
}

stage_tests() {
  local log counts
  log=$(mktemp)
  scripts/run_tests.sh 2>&1 | tee "$log"
  counts=$(tail -n 1 "$log")
  rm -f "$log"
  [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]] || return 1
  add "${BASH_REMATCH[@]:1}"
}

# What starts threads, under the thread sanitizer (tests/race_tests.cmake).
stage_races() {
  scripts/build.sh release assemble_race_tests || return
  TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp run_program races build/tests/assemble_race_tests
}

# A short run of each fuzzer over its seeds and what it finds from there.
stage_fuzz() {
  make --no-print-directory fuzz
}

times=()
for stage in lint docs tests races fuzz; do
  case " ${ASSEMBLE_CI_SKIP:-} " in *" $stage "*) continue ;; esac
  start=$SECONDS status=0
  say "stage: $stage"
  "stage_$stage" || status=$?
  count "$stage" "$status"
  times+=("$(printf '%-6s %5d s' "$stage" $((SECONDS - start)))")
done
say "times"
printf '%s\n' "${times[@]}"
totals
