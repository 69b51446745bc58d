#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk that becomes full in the middle of training ends the run with an error that names the file, also of several
# processes; the last checkpoint is whole, and with room the run goes on from it to the weights of one that was never
# stopped. A disk that is read-only is refused before anything is done. Exit status 77 (skipped) where nothing may be
# mounted.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'umount "$work/disk" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/disk"
if ! mount -t tmpfs -o size=64m assemble-disk "$work/disk" 2>"$work/refused"; then
  echo "skipped: nothing can be mounted here: $(head -n 1 "$work/refused")"
  exit 77
fi
build/assemble dataset draw --quiet --out "$work/data" --train-per-class 8 --validation-per-class 2 --side 32

# train OUT PROCESSES [OPTION...]
train() {
  local out=$1 processes=$2
  shift 2
  build/assemble train --data "$work/data" --out "$out" --arch resnet50+w8 --batch-size 4 --preprocessing imagenet_32a \
    --lr 0.01 --epochs 4 --checkpoint-every 2 --keep-checkpoints 2 --seed 3 --threads 1 --loader-threads 1 --sync-bn \
    --rank-timeout 5 --processes "$processes" "$@"
}

fail() {
  echo "$1"
  tail -n 20 "$work/log"
  exit 1
}

for processes in 1 2; do
  disk=$work/disk/run$processes
  train "$work/whole$processes" "$processes" --quiet >"$work/log" 2>&1
  train "$disk" "$processes" --quiet >"$work/log" 2>&1 &
  job=$!
  for _ in $(seq 600); do
    [ -e "$disk/checkpoint.safetensors" ] && break
    sleep 0.1
  done
  cat /dev/zero >"$work/disk/rest" 2>/dev/null || true
  status=0
  wait "$job" || status=$?
  [ "$status" = 4 ] || fail "status $status instead of 4 on a disk that became full"
  grep -q "$disk.*No space left on device" "$work/log" || fail "the error does not say what and why"
  rm "$work/disk/rest"
  mount -o remount,ro "$work/disk"
  status=0
  train "$work/disk/other" 1 >"$work/log" 2>&1 || status=$?
  [ "$status" = 4 ] || fail "status $status instead of 4 on a disk that is read-only"
  grep -q "$work/disk.*Read-only file system" "$work/log" || fail "the refusal does not say what and why"
  mount -o remount,rw "$work/disk"
  train "$disk" "$processes" --resume >"$work/log" 2>&1 || fail "the run did not go on"
  grep -q "resuming at step" "$work/log" || fail "the run began anew"
  cmp "$work/whole$processes/last.safetensors" "$disk/last.safetensors"
  echo "$processes processes: the disk became full, the run said so and went on from its checkpoint"
done
