#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Debian packages into a folder from what is built in build/: assemble, assemble-dev and assemble-training.
# Usage: scripts/deb.sh [FOLDER] (default: build/dist)
#
#   SOURCE_DATE_EPOCH=N   seconds since 1970 that files in them carry (default: of the last commit)
#   COMPRESSION=none      soon done, for tests (default: xz)
#   COMPONENTS=A;B        of CMake's installation, the packages of which are built (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p "${1:-build/dist}"
out=$(cd "${1:-build/dist}" && pwd)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH
rm -rf build/deb
components=()
[ -z "${COMPONENTS:-}" ] || components=(-D "CPACK_COMPONENTS_ALL=$COMPONENTS")
(cd build && cpack -G DEB -B "$PWD/deb" "${components[@]}" >deb.log 2>&1) || { tail -n 20 build/deb.log; exit 1; }
python3 scripts/package_deb.py build/deb/*.deb --date "$SOURCE_DATE_EPOCH" --compression "${COMPRESSION:-xz}"
mv build/deb/*.deb "$out"
rm -rf build/deb
find "$out" -name '*.deb' -printf '%f: %s bytes\n'
