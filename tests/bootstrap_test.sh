#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/bootstrap.sh: a second run is quick and changes nothing; without a network, and for a folder that holds no
# LibTorch, it says what failed and what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log="$work/log"

fail() {
  printf 'bootstrap_test: %s\n' "$1" >&2
  cat "$log" >&2
  exit 1
}

expect() { grep -qF -- "$1" "$log" || fail "expected in the output: $1"; }

# Everything is there: it was just used for the build.
start=$(date +%s%N)
scripts/bootstrap.sh >"$log" 2>&1 || fail "a second run failed"
[ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ] || fail "a second run took more than 3 s"
[ "$(grep -cvE 'already there|using yours|left out' "$log")" -eq 0 ] || fail "a second run did something"

# A folder without the wheels, and an index that nobody answers at.
mkdir -p "$work/copy/scripts"
cp scripts/bootstrap.sh "$work/copy/scripts/"
if env -u ASSEMBLE_TORCH_DIR -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null PIP_RETRIES=0 \
     PIP_INDEX_URL=http://127.0.0.1:9/simple "$work/copy/scripts/bootstrap.sh" torch >"$log" 2>&1; then
  fail "without an index it succeeded"
fi
expect "error: pip could not install LibTorch"
expect "Is there a network"
expect "ASSEMBLE_TORCH_DIR=DIR make build"
[ ! -e "$work/copy/.venv/.assemble-LibTorch" ] || fail "a failed installation left its stamp"

if ASSEMBLE_TORCH_DIR="$work" scripts/bootstrap.sh torch >"$log" 2>&1; then fail "took a folder without LibTorch"; fi
expect "is not a LibTorch"
expect "lib/libtorch_cpu.so"

if scripts/bootstrap.sh nonsense >"$log" 2>&1; then fail "took an unknown group"; fi
expect "unknown group 'nonsense'"
echo "bootstrap: second run, no network, wrong folder, unknown group"
