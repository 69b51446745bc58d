#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Teachers that PyTorch exports from torchvision's and timm's code, with random weights: the logits that `assemble teach`
# stores are ONNX Runtime's for the same preprocessing. Needs a Python with torch, torchvision, timm, onnx and
# onnxruntime: ASSEMBLE_TORCH_PYTHON (default: python3); exit status 77 (skipped) without them. What it measured goes
# into the first argument, a CSV file, if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kPython=${ASSEMBLE_TORCH_PYTHON:-python3}
if ! "$kPython" -c 'import torch, torchvision, timm, onnx, onnxruntime' >/dev/null 2>&1; then
  echo "skipped: $kPython has no torch, torchvision, timm, onnx and onnxruntime (name one in ASSEMBLE_TORCH_PYTHON)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$kPython" tests/teacher_torch_check.py build/assemble "$work" "$@"
