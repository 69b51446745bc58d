#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures a preset of CMakePresets.json when that was not done yet, and builds it.
# Usage: scripts/build.sh PRESET [TARGET]...
#
#   ASSEMBLE_TORCH_DIR=DIR    the LibTorch to build with (default: the one in .venv)
#   ASSEMBLE_OPENVINO=OFF     build without OpenVINO
#   ASSEMBLE_WERROR=ON        take warnings for errors, as continuous integration does
#   JOBS=N                    compilers at a time (default: one a core, and at most one for 2 GB of memory)
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
build_dir=$(sed -n "/\"name\": \"$preset\"/,/binaryDir/ s|.*binaryDir.*sourceDir}/\(.*\)\".*|\1|p" CMakePresets.json)
[ -n "$build_dir" ] || { echo "build: no preset '$preset' in CMakePresets.json" >&2; exit 2; }

default_jobs() {
  awk -v cores="$(nproc)" '/MemAvailable/ { jobs = int($2 / 2e6); if (jobs > cores) jobs = cores
                                            print jobs < 1 ? 1 : jobs }' /proc/meminfo
}

configure=()
[ -n "${ASSEMBLE_TORCH_DIR:-}" ] && configure+=("-DASSEMBLE_TORCH_DIR=$ASSEMBLE_TORCH_DIR")
[ -n "${ASSEMBLE_OPENVINO:-}" ] && configure+=("-DASSEMBLE_OPENVINO=$ASSEMBLE_OPENVINO")
[ -n "${ASSEMBLE_WERROR:-}" ] && configure+=("-DCMAKE_COMPILE_WARNING_AS_ERROR=$ASSEMBLE_WERROR")
if [ ! -f "$build_dir/build.ninja" ] && [ ! -f "$build_dir/Makefile" ]; then
  command -v ninja >/dev/null && configure+=(-G Ninja)
  cmake --preset "$preset" "${configure[@]}"
elif [ "${#configure[@]}" -gt 0 ]; then
  cmake --preset "$preset" "${configure[@]}" >/dev/null
fi

targets=()
for target in "$@"; do targets+=(--target "$target"); done
cmake --build "$build_dir" -j "${JOBS:-$(default_jobs)}" "${targets[@]}"
