#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `export --package` writes, by those who will read it: sha256sum, Triton's own message type (of the package
# tritonclient) and ONNX Runtime, which Triton runs, and the schema of OpenVINO Model Server where ASSEMBLE_OVMS_SCHEMA
# names its src/schema.cpp. The packages go into build/package-test/venv; exit status 77 (skipped) when they cannot be
# installed, as without network.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/package-test
readonly kWanted="protobuf==6.33.5 jsonschema==4.26.0 onnxruntime==1.32.0"
readonly kClient=tritonclient==2.73.0  # without what it needs to send anything
mkdir -p "$kWork"
rm -rf "$kWork/data" "$kWork/run" "$kWork/packed"
build/assemble dataset draw --quiet --out "$kWork/data" --train-per-class 8 --validation-per-class 2 --side 32 >/dev/null
build/assemble train --quiet --data "$kWork/data" --out "$kWork/run" --arch resnet50+w4 --epochs 1 --batch-size 8 \
  --train-size 32 --eval-size 32 --bn-momentum 0.5 --lr 0.01 >/dev/null
pack() {
  local name=$1
  shift
  build/assemble export --quiet --model "$kWork/run/last.safetensors" --out "$kWork/packed/$name" --package "$@" >/dev/null
  (cd "$kWork/packed/$name" && sha256sum --check --strict --quiet SHA256SUMS)
}
pack plain --data "$kWork/data" --data-licence "CC0 1.0"
pack int8 --int8 --calibration "$kWork/data/train" --model-version 12
pack bytes --preprocess --embedding --name other-name

if [ "$(cat "$kWork/venv/.installed" 2>/dev/null)" != "$kWanted $kClient" ]; then
  rm -rf "$kWork/venv"
  # shellcheck disable=SC2086  # words
  if ! { python3 -m venv "$kWork/venv" &&
         "$kWork/venv/bin/python" -m pip --disable-pip-version-check install -q --retries 1 $kWanted &&
         "$kWork/venv/bin/python" -m pip --disable-pip-version-check install -q --retries 1 --no-deps "$kClient"; } \
       >"$kWork/pip.log" 2>&1; then
    tail -n 2 "$kWork/pip.log"
    echo "skipped: the Python packages cannot be installed (no network?)"
    exit 77
  fi
  echo "$kWanted $kClient" >"$kWork/venv/.installed"
fi
"$kWork/venv/bin/python" tests/package_check.py "$kWork"/packed/*
