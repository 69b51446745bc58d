#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the wheel of the Python package into a folder, from what is built in build/: both programs and the C API.
# Usage: scripts/wheel.sh [FOLDER] (default: build/dist)
#
#   SOURCE_DATE_EPOCH=N   seconds since 1970 that files in it carry (default: of the last commit)
#   JOBS=N                compilers at a time
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/dist}
readonly kWork=$PWD/build/python
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
python=.venv-python/bin/python
export PATH="$PWD/.venv-python/bin:$PATH" CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)}

rm -rf "$kWork/prefix" "$kWork/raw"
mkdir -p "$kWork"
cmake --install build --prefix "$kWork/prefix" >"$kWork/install.log"
"$python" -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir "$kWork/raw" \
  --config-settings=build-dir="$kWork/build" --config-settings=cmake.define.CMAKE_PREFIX_PATH="$kWork/prefix" \
  ./python >"$kWork/wheel.log" 2>&1 || { cat "$kWork/wheel.log"; exit 1; }
"$python" scripts/package_wheel.py "$kWork"/raw/*.whl "$out" --elsewhere "$kWork/prefix/lib/assemble" --date "$SOURCE_DATE_EPOCH"
