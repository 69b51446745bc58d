#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer of build-base-asan/fuzz for a while, as many at a time as there are cores, and at last tells what they
# found: its trace, and the input in base64. What is new to a fuzzer is kept in the build folder for the next time.
#
#   SECONDS_EACH=60                 seconds for each
#
# Usage: scripts/fuzz.sh [FORMAT]...
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 seconds=${SECONDS_EACH:-60}
formats=("$@")
[ "$#" -gt 0 ] || mapfile -t formats < <(basename -a -s .cpp fuzz/fuzz_*.cpp | sed s/^fuzz_//)

# shellcheck disable=SC2016  # the inner shell's
printf '%s\n' "${formats[@]}" | xargs -P "$(nproc)" -I{} bash -c '
  folder=build-base-asan/fuzz/$1 log=build-base-asan/fuzz/$1.log
  mkdir -p "$folder"
  if build-base-asan/fuzz/fuzz_"$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$folder". "$folder" "tests/fuzz_seeds/$1" >"$log" 2>&1; then
    echo "$1: $(tail -n 1 "$log")"
    rm "$log"
  else
    echo "$1: failed" >&2
  fi' _ {}

status=0
for format in "${formats[@]}"; do
  log=build-base-asan/fuzz/$format.log
  [ -e "$log" ] || continue
  status=1
  printf '\n== fuzz_%s\n' "$format" >&2
  grep -aE -A 40 'ERROR|runtime error' "$log" | cut -c1-300 | head -n 60 >&2
  grep -aE '^(Base64|artifact_prefix)' "$log" >&2
done
exit "$status"
