#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Training is killed at random points, in every way that machines have, and goes on each time: no checkpoint is torn or
# lost, and the last weights are bit for bit those of a run that was never stopped. Of one process and of two, with other
# techniques each time. KILLS: how many (10); SEED: of the points (the time).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kills=${KILLS:-10}
RANDOM=${SEED:=$(date +%s)}
echo "SEED=$SEED"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/assemble dataset draw --quiet --out "$work/data" --train-per-class 16 --validation-per-class 2 --side 32

readonly techniques=(
  "--arch resnet50+eca+w8 --cutmix-alpha 1 --stochastic-depth 0.2 --loss sigmoid --sigmoid-divisor classes \
    --balance sampling --auto-augment trivial-wide --sam-rho 0.05 --sam-every 3"
  "--arch resnet50+bl+sk+aa3+w8 --mixup 1 --drop-block 0.95 0.8 --drop-block-size 1 --ema 0.9 --label-smoothing 0.1 \
    --auto-augment rand --aug-repeats 3 --optimizer lamb"
  "--arch mobilenet_v1+w8 --mixup 2 --cutmix-alpha 1 --accumulate 2 --small-size 32 --small-share 0.5 \
    --auto-augment good --pix-mix 4 --balance loss"
  "--arch resnet50+gem+emb16+w8 --loss arcface --validation-metric recall@1 --keep-best 3 --random-erasing 0.3 \
    --aug-mix 3 --evaluation-crop --optimizer adamw --stochastic-depth 0.2"
)

# train RUN PROCESSES TECHNIQUES [OPTION...]
train() {
  local run=$work/$1 processes=$2 chosen=$3
  shift 3
  # shellcheck disable=SC2086  # the techniques are words
  exec build/assemble train --resume --quiet --data "$work/data" --out "$run" --batch-size 8 --lr 0.02 --epochs 4 \
    --preprocessing imagenet_32a --seed 3 --loader-threads 1 --threads 1 --checkpoint-every 2 --rank-timeout 5 --start-timeout 30 \
    --processes "$processes" $chosen "$@"
}

# All processes of a run: the launcher and the ranks.
processes_of() { pgrep -f -- "train --resume --quiet .*--out $work/$1 " || true; }

one_of() {
  shift $((RANDOM % $#))
  echo "$1"
}

# Starts it and does something to it after a while. Returns 2 when it had ended by then.
strike() {
  local run=$1 signal job victim status=0
  signal=$(one_of KILL TERM SEGV STOP USR1 DISK)
  if [ "$signal" = DISK ]; then
    # No file grows beyond 64 KiB, and the checkpoint is larger: writing fails as on a full disk.
    (trap '' XFSZ && ulimit -f 64 && train "$@") >>"$work/log" 2>&1 &
    job=$!
    wait "$job" || status=$?
    [ "$status" != 0 ] || status=2
    echo "$signal: status $status" >>"$work/log"
    [ "$status" = 4 ] || return $((status == 2 ? 2 : 1))
    return
  fi
  (train "$@") >>"$work/log" 2>&1 &
  job=$!
  sleep "$((RANDOM % 4)).$((RANDOM % 10))"
  # shellcheck disable=SC2046  # numbers
  victim=$(one_of $(processes_of "$run") none)
  if [ "$victim" = none ] || ! kill "-$signal" "$victim" 2>/dev/null; then
    wait "$job" || true
    return 2
  fi
  # A launcher or lone process that is stopped waits for ever, as it should; it is killed like others.
  if [ "$signal" = STOP ] && { [ "$victim" = "$job" ] || [ "$2" = 1 ]; }; then kill -KILL "$job" 2>/dev/null || true; fi
  for _ in $(seq 600); do
    [ -n "$(processes_of "$run")" ] || break
    sleep 0.1
  done
  if [ -n "$(processes_of "$run")" ]; then
    echo "after $signal the run did not end within a minute"
    return 1
  fi
  wait "$job" || status=$?
  echo "$signal: status $status" >>"$work/log"
}

fail() {
  echo "$1"
  tail -n 30 "$work/log"
  exit 1
}

done_kills=0
round=0
while [ "$done_kills" -lt "$kills" ]; do
  chosen=${techniques[$((round % ${#techniques[@]}))]}
  processes=$(((round + round / ${#techniques[@]}) % 2 + 1))
  [ "$processes" = 1 ] || chosen="$chosen --sync-bn"
  whole=whole$round run=run$round
  (train "$whole" "$processes" "$chosen") >"$work/log" 2>&1 || fail "the run that nothing happens to has failed"
  for _ in $(seq $(((kills + 7) / 8))); do
    hit=0
    strike "$run" "$processes" "$chosen" || hit=$?
    [ "$hit" != 1 ] || fail "round $round"
    [ "$hit" = 0 ] || break
    done_kills=$((done_kills + 1))
  done
  (train "$run" "$processes" "$chosen") >>"$work/log" 2>&1 || fail "the run did not go on"
  ! grep -q "the checkpoint before it is looked for" "$work/log" || fail "a checkpoint was torn"
  cmp "$work/$whole/last.safetensors" "$work/$run/last.safetensors" || fail "other weights"
  echo "$done_kills kills, $processes processes, $chosen: the same weights"
  round=$((round + 1))
done
