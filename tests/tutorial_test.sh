#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of docs/quick-start.md and docs/tutorial.md as they stand there, in this order, but for the time that
# training may take, and its threads: one waits for no other where the cores are busy. Photos become a model in 8 bits,
# which the page's program in C asks. They are ASSEMBLE_DATA's signs; skipped without them.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
data=${ASSEMBLE_DATA:-../shared/data}/signdigits
[ -d "$data" ] || { echo "tutorial: no photos in $data"; exit 77; }
data=$(cd "$data" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME="$work" PATH="$top/build:$PATH" XDG_CACHE_HOME="$work/cache"

# blocks LANGUAGE PAGE: the text of its blocks
blocks() { awk -v fence="\`\`\`$1" '/^```/ { inside = !inside && $0 == fence; next } inside' "$2"; }

# run PAGE MINUTES: its commands in $work; what `make` does there is done already, or by CMake.
run() {
  {
    # shellcheck disable=SC2016  # the commands' own
    echo 'make() { [ "$1" = build ] || cmake --install "$top/build" --prefix "${2#prefix=}" >/dev/null; }'
    blocks sh "docs/$1" | sed -E "s/--minutes [0-9]+/--minutes $2 --threads 1/; s#^export PATH=.*#:#"
  } >"$work/commands.sh"
  (cd "$work" && top=$top bash -euo pipefail commands.sh) >"$work/log" 2>&1 ||
    { echo "tutorial: $1 failed:"; tail -n 40 "$work/log"; exit 1; }
}

run quick-start.md 0.1
[ -s "$work/runs/quick/report.html" ] && [ -s "$work/quick.onnx" ]

ln -s "$data" "$work/signs"
blocks c docs/tutorial.md >"$work/sign.c"
run tutorial.md 0.5
[ -s "$work/check.html" ] && [ -s "$work/runs/signs/report.html" ]
# The program's answer, its last line, is what the command says of the same photo.
answer=$(tail -n 1 "$work/log")
photo=${answer%%:*}
cd "$work"
expected=$(assemble predict --quiet --model signs.onnx --top 1 --format csv "$photo" | tail -n 1 | cut -d , -f 4)
[ "$answer" != "${answer/: $expected, /}" ] || { echo "tutorial: '$answer', but the command says '$expected'"; exit 1; }
echo "tutorial: $answer"
