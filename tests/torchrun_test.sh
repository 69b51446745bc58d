#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Under PyTorch's own torchrun: a run whose rank is killed starts again by itself and ends with the weights of one that was
# never stopped, and goes on with fewer processes. Exit status 77 (skipped) where there is no torchrun; TORCHRUN names one.
set -euo pipefail
cd "$(dirname "$0")/.."

torchrun=${TORCHRUN:-$(command -v torchrun || true)}
if [ -z "$torchrun" ]; then
  echo "skipped: there is no torchrun"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/assemble dataset draw --quiet --out "$work/data" --train-per-class 16 --validation-per-class 2 --side 32

# train RUN PROCESSES [OPTION...]
train() {
  local run=$work/$1 processes=$2
  shift 2
  "$torchrun" --standalone --no-python --nproc-per-node "$processes" --max-restarts 2 build/assemble train --resume \
    --data "$work/data" --out "$run" --arch resnet50+bl+sk+aa3+w8 --batch-size 8 --lr 0.02 --preprocessing imagenet_32a \
    --mixup 2 --drop-block 0.95 0.9 --drop-block-size 1 --ema 0.9 --sync-bn --checkpoint-every 1 --seed 3 \
    --loader-threads 1 --rank-timeout 5 "$@"
}

# The process of a rank that trains into a run folder.
process_of() {
  local process
  for process in $(pgrep -f "train --resume .*--out $work/$1 "); do
    if tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep -qx "RANK=$2" &&
        [ "$(basename "$(readlink "/proc/$process/exe")")" = assemble-torch ]; then
      echo "$process"
      return
    fi
  done
}

train whole 2 --epochs 3 --quiet >"$work/whole.log" 2>&1

train killed 2 --epochs 3 >"$work/killed.log" 2>&1 &
job=$!
for _ in $(seq 600); do
  [ -e "$work/killed/checkpoint.safetensors" ] && break
  sleep 0.1
done
victim=$(process_of killed 1)
[ -n "$victim" ] || { echo "rank 1 was not found"; cat "$work/killed.log"; exit 1; }
kill -KILL "$victim"
wait "$job" || { echo "the job did not start again"; tail -n 30 "$work/killed.log"; exit 1; }
grep -q "resuming at step" "$work/killed.log" || { echo "the job was not killed in time"; exit 1; }
cmp "$work/whole/last.safetensors" "$work/killed/last.safetensors"
echo "a killed rank: the job has started again, and ended with the same weights"

train killed 1 --epochs 4 >"$work/smaller.log" 2>&1 || { tail -n 30 "$work/smaller.log"; exit 1; }
grep -q "the run was of 2 processes and goes on with 1" "$work/smaller.log"
echo "one process has gone on where two had been"
