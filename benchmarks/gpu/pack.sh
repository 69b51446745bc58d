#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs what benchmarks/gpu/run.py runs, for a machine with a GPU on which nothing can be installed: the programs of build/
# and the libraries that they need beside LibTorch, NVIDIA's and the C and C++ ones. LibTorch there must be of the version
# that they were built with.
# Usage: benchmarks/gpu/pack.sh [FOLDER]    (default: .gpu; writes FOLDER/pack.tar.xz)
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:-.gpu}
scripts/build.sh release assemble_command assemble_torch_command assemble_cuda assemble_gpu_step assemble_loader
torch=${ASSEMBLE_TORCH_DIR:-$(echo .venv/lib/python3*/site-packages/torch)}/lib
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
mkdir "$staged/lib"
cp build/assemble build/assemble-torch build/libassemble_cuda.so build/benchmarks/assemble_gpu_step \
  build/benchmarks/assemble_loader "$staged"
strip "$staged"/assemble* "$staged/libassemble_cuda.so"
for program in build/assemble-torch build/benchmarks/assemble_gpu_step; do
  LD_LIBRARY_PATH=$torch ldd "$program"
done | awk '$3 ~ /^\// { print $3 }' | sort -u |
  grep -Ev '/(torch|nvidia)/|/lib(c|m|dl|rt|util|pthread|stdc\+\+|gcc_s)\.so' |
  while read -r library; do cp -L "$library" "$staged/lib"; done
mkdir -p "$folder"
tar -C "$staged" -cJf "$folder/pack.tar.xz" .
du -h "$folder/pack.tar.xz"
