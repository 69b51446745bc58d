#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes whose clocks disagree by a year, in both directions, train the network that those of one clock train, and
# none is taken for lost. Exit status 77 (skipped) without a C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cc >/dev/null || { echo "skipped: there is no C compiler"; exit 77; }
work=$(mktemp -d)
jobs=()
trap '[ "${#jobs[@]}" -eq 0 ] || kill -KILL "${jobs[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

# All of the C library's clocks but those of processor time, shifted by CLOCK_SHIFT seconds.
cat >"$work/shift.c" <<'END'
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) { const char* text = getenv("CLOCK_SHIFT"); return text ? atol(text) : 0; }
int clock_gettime(clockid_t clock, struct timespec* now) {
  const int status = (int)syscall(SYS_clock_gettime, clock, now);
  if (status == 0 && clock == CLOCK_REALTIME) now->tv_sec += shift();
  return status;
}
int gettimeofday(struct timeval* now, void* zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
END
cc -O1 -shared -fPIC -o "$work/shift.so" "$work/shift.c"
[ "$(LD_PRELOAD=$work/shift.so CLOCK_SHIFT=31536000 date +%Y)" -gt "$(date +%Y)" ] ||
  { echo "skipped: clocks cannot be shifted here"; exit 77; }

build/assemble dataset draw --quiet --out "$work/data" --train-per-class 8 --validation-per-class 2 --side 32
options=(--data "$work/data" --arch resnet50+w8 --batch-size 8 --preprocessing imagenet_32a --lr 0.01 --epochs 3
  --checkpoint-every 1 --seed 3 --threads 1 --loader-threads 1 --sync-bn --rank-timeout 5)
build/assemble train "${options[@]}" --out "$work/whole" --processes 2 --quiet >"$work/whole.log" 2>&1

# train RUN SHIFT-OF-RANK-0 SHIFT-OF-RANK-1
train() {
  local rank shifts=("$2" "$3") port=$((29600 + RANDOM % 300))
  for rank in 0 1; do
    LD_PRELOAD=$work/shift.so CLOCK_SHIFT=${shifts[rank]} RANK=$rank WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 \
      MASTER_ADDR=127.0.0.1 MASTER_PORT=$port build/assemble train "${options[@]}" --out "$work/$1" >"$work/$1.$rank" 2>&1 &
    jobs[rank]=$!
  done
  for rank in 0 1; do
    wait "${jobs[rank]}" || { echo "rank $rank has failed"; tail -n 20 "$work/$1".*; exit 1; }
  done
  jobs=()
  cmp "$work/whole/last.safetensors" "$work/$1/last.safetensors"
}

train ahead 0 31536000
train behind 31536000 0
echo "clocks that disagree by a year: the same weights"
