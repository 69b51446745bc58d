#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# benchmarks/gpu/run.py on the CPU: every check that needs no GPU holds, and one that does not hold is status 1. Exit status
# 77 (skipped) where the benchmarks are not built.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -x build/benchmarks/assemble_gpu_step ] || { echo "skipped: no build/benchmarks/assemble_gpu_step"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=(python3 benchmarks/gpu/run.py --device cpu --pack "$work/none" --width +w16 --torch "" --out "$work")
export OMP_NUM_THREADS=1
"${run[@]}" --part correctness >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
[ "$(grep -c ',ok' "$work/correctness.csv")" -eq 27 ]
"${run[@]}" --part speed --batch-size 4 --image-size 64 --steps 1 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
[ "$(grep -c assemble "$work/speed.csv")" -ge 6 ]
# A network that there is not can be neither checked nor measured.
if "${run[@]}" --part speed --width +nothing >"$work/log" 2>&1; then
  echo "gpu_benchmark: a network that there is not was measured"
  exit 1
fi
grep -q 'not measured: train vanilla assemble' "$work/log"
echo "gpu_benchmark: 27 checks on the CPU"
