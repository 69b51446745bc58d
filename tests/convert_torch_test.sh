#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks of torchvision and timm with random weights give the same logits here, and exported weights the same there.
# Needs a Python with torch, torchvision, timm and safetensors: ASSEMBLE_TORCH_PYTHON (default: python3); exit status 77
# (skipped) without them.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kPython=${ASSEMBLE_TORCH_PYTHON:-python3}
if ! "$kPython" -c 'import torch, torchvision, timm, safetensors' >/dev/null 2>&1; then
  echo "skipped: $kPython has no torch, torchvision, timm and safetensors (name one in ASSEMBLE_TORCH_PYTHON)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$kPython" tests/convert_torch_check.py build/assemble "$work"
