#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two machines, here network namespaces, train together, and the link between them is cut in the middle of a step: both
# ends say within a minute whom they have lost, the checkpoint is whole, and with the link mended they go on. Exit status
# 77 (skipped) where namespaces may not be made.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly name=assemble-$$ port=29517
work=$(mktemp -d)
jobs=()
clean_up() {
  [ "${#jobs[@]}" -eq 0 ] || kill -KILL "${jobs[@]}" 2>/dev/null || true
  ip netns del "$name-0" 2>/dev/null || true
  ip netns del "$name-1" 2>/dev/null || true
  rm -rf "$work" "/etc/netns/$name-0"
}
trap clean_up EXIT

if ! { ip netns add "$name-0" && ip netns add "$name-1" &&
  ip -n "$name-0" link add cable type veth peer name cable netns "$name-1"; } 2>"$work/refused"; then
  echo "skipped: no network namespaces here: $(head -n 1 "$work/refused")"
  exit 77
fi
for rank in 0 1; do
  ip -n "$name-$rank" addr add "10.213.7.$((rank + 1))/24" dev cable
  ip -n "$name-$rank" link set lo up
  ip -n "$name-$rank" link set cable up
done

build/assemble dataset draw --quiet --out "$work/data" --train-per-class 16 --validation-per-class 2 --side 32

# start RANK [OPTION...]: a rank in its namespace, into $work/rank.RANK
addresses=(10.213.7.1 10.213.7.1)
start() {
  local rank=$1
  shift
  RANK=$rank WORLD_SIZE=2 MASTER_ADDR=${addresses[rank]} MASTER_PORT=$port ip netns exec "$name-$rank" build/assemble train \
    --data "$work/data" --out "$work/run" --arch resnet50+w8 --batch-size 4 --preprocessing imagenet_32a --lr 0.01 \
    --epochs 100000 --checkpoint-every 2 --threads 1 --loader-threads 1 --sync-bn --rank-timeout 5 "$@" \
    >"$work/rank.$rank" 2>&1 &
  jobs[rank]=$!
}

fail() {
  echo "$1"
  tail -n 20 "$work"/rank.*
  exit 1
}

start 0
start 1
for _ in $(seq 600); do
  [ -e "$work/run/checkpoint.safetensors" ] && break
  sleep 0.1
done
[ -e "$work/run/checkpoint.safetensors" ] || fail "the ranks did not begin to train"
sleep 0.3
ip -n "$name-1" link set cable down
cut=$SECONDS
for rank in 0 1; do
  status=0
  wait "${jobs[rank]}" || status=$?
  [ "$status" = 4 ] || fail "rank $rank ended with status $status instead of 4"
done
jobs=()
[ $((SECONDS - cut)) -le 60 ] || fail "the ranks ended only after $((SECONDS - cut)) s"
grep -q "rank 1 has ended, hangs or cannot be reached" "$work/rank.0" || fail "rank 0 does not say whom it has lost"
grep -q "rank 0 at 10.213.7.1:$port" "$work/rank.1" || fail "rank 1 does not say whom it has lost"
echo "the link was cut: both ranks have ended after $((SECONDS - cut)) s, and say why"

ip -n "$name-1" link set cable up
start 0 --resume --max-minutes 0.05
start 1 --resume --max-minutes 0.05
for rank in 0 1; do
  wait "${jobs[rank]}" || fail "rank $rank did not go on"
done
jobs=()
grep -q "resuming at step" "$work/rank.0" || fail "rank 0 began anew"
echo "the link was mended: the ranks have gone on"

# Some launchers tell rank 0 that it is at localhost: the others reach it all the same, by its host's name.
mkdir -p "/etc/netns/$name-0"
printf '127.0.0.1 localhost\n10.213.7.1 %s\n' "$(hostname)" >"/etc/netns/$name-0/hosts"
addresses[0]=localhost
start 0 --resume --max-minutes 0.05
start 1 --resume --max-minutes 0.05
for rank in 0 1; do
  wait "${jobs[rank]}" || fail "rank $rank did not go on with rank 0 at localhost"
done
jobs=()
echo "rank 0 knows itself as localhost: the ranks have gone on"
