#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks that PyTorch (timm), Keras and tf2onnx export, of architectures that are not ours: what `assemble predict` and
# `eval` say of them is what ONNX Runtime says of images that Python prepares, and so are errors under corruptions, to the
# image. Needs ASSEMBLE_TORCH_PYTHON (default: python3) with torch, timm, onnx and onnxruntime; with ASSEMBLE_KERAS_PYTHON, a
# Python with tensorflow and tf2onnx, those of Keras too. Exit status 77 (skipped) without the first. What it measured goes
# into the first argument, a CSV file, if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kTorch=${ASSEMBLE_TORCH_PYTHON:-python3} kKeras=${ASSEMBLE_KERAS_PYTHON:-python3}
if ! "$kTorch" -c 'import torch, timm, onnx, onnxruntime' >/dev/null 2>&1; then
  echo "skipped: $kTorch has no torch, timm, onnx and onnxruntime (name one in ASSEMBLE_TORCH_PYTHON)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/networks"
"$kTorch" tests/foreign_make_torch.py "$work/networks"
if "$kKeras" -c 'import tensorflow, tf2onnx' >/dev/null 2>&1; then
  "$kKeras" tests/foreign_make_keras.py "$work/networks" 2>"$work/keras.log" || { tail -20 "$work/keras.log"; exit 1; }
else
  echo "without Keras: $kKeras has no tensorflow and tf2onnx (name one in ASSEMBLE_KERAS_PYTHON)"
fi
"$kTorch" tests/foreign_models_check.py build/assemble "$work" "$@"
