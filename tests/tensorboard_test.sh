#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A run's event file, read by the real `tensorboard` package, holds what metrics.jsonl holds.
# Installs the package into build/tensorboard-test/venv; exit status 77 (skipped) when that fails, as without network.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/tensorboard-test
readonly kWanted=tensorboard==2.20.0
mkdir -p "$kWork"
if [ "$(cat "$kWork/venv/.installed" 2>/dev/null)" != "$kWanted" ]; then
  rm -rf "$kWork/venv"
  if ! { python3 -m venv "$kWork/venv" &&
         "$kWork/venv/bin/python" -m pip --disable-pip-version-check install -q --retries 1 "$kWanted" "setuptools<81"; } \
       >"$kWork/pip.log" 2>&1; then
    tail -n 2 "$kWork/pip.log"
    echo "skipped: the tensorboard package cannot be installed (no network?)"
    exit 77
  fi
  echo "$kWanted" >"$kWork/venv/.installed"
fi

rm -rf "$kWork/data" "$kWork/run"
build/assemble dataset draw --quiet --out "$kWork/data" --train-per-class 8 --validation-per-class 2 --side 32
build/assemble train --quiet --data "$kWork/data" --out "$kWork/run" --arch resnet50+w4 --epochs 2 --batch-size 8 \
  --train-size 32 --eval-size 32 --log-every 1 --log-images 3 --log-histograms >"$kWork/train.log"
"$kWork/venv/bin/python" tests/tensorboard_check.py "$kWork/run"
