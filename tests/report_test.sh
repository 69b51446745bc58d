#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A robustness report opens in a browser and paints its charts. Exit status 77 (skipped) without chromium.
set -euo pipefail
cd "$(dirname "$0")/.."

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no chromium"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/assemble dataset draw --quiet --out "$work/data" --train-per-class 8 --validation-per-class 2 --side 32
build/assemble train --quiet --data "$work/data" --out "$work/run" --arch resnet50+w4 --epochs 1 --batch-size 8 \
  --train-size 32 --eval-size 32 >/dev/null
build/assemble robustness c --quiet --model "$work/run/last.safetensors" --data "$work/data" --out "$work/c" \
  --corruptions fog,contrast >/dev/null
"$browser" --headless --no-sandbox --disable-gpu --window-size=1000,1600 --screenshot="$work/page.png" \
  "file://$work/c/report.html" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$browser" --headless --no-sandbox --disable-gpu --dump-dom "file://$work/c/report.html" >"$work/dom" 2>>"$work/log"
[ "$(grep -o '<svg' "$work/dom" | wc -l)" -eq 4 ]
# A page that is blank compresses to a few kilobytes.
[ "$(stat -c %s "$work/page.png")" -gt 20000 ]
echo "report: 4 charts painted"
