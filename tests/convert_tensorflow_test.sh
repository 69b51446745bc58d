#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TensorFlow loads the checkpoints that `assemble convert --to tensorflow` writes, and `convert` those that TensorFlow
# writes: in several data files, with optimizer slots and moving averages.
# Needs a Python with tensorflow and safetensors: ASSEMBLE_TENSORFLOW_PYTHON (default: python3); exit status 77 (skipped)
# without them.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kPython=${ASSEMBLE_TENSORFLOW_PYTHON:-python3}
if ! "$kPython" -c 'import tensorflow, safetensors' >/dev/null 2>&1; then
  echo "skipped: $kPython has no tensorflow and safetensors (name one in ASSEMBLE_TENSORFLOW_PYTHON)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/assemble dataset draw --quiet --out "$work/data" --train-per-class 2 --validation-per-class 1 --side 32 >/dev/null
build/assemble train --quiet --data "$work/data" --out "$work/run" --arch resnet50+bl+sk+se+w4+aa3 --epochs 1 \
  --batch-size 8 --train-size 32 --eval-size 32 >/dev/null
"$kPython" tests/convert_tensorflow_check.py build/assemble "$work"
