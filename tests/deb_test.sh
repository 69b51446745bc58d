#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What lies in the Debian packages and what they say of themselves. Not the one with LibTorch, which takes minutes:
# scripts/check_deb.sh installs all three. Skipped where dpkg-deb is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/deb-test
command -v dpkg-deb >/dev/null || { echo "skipped: no dpkg-deb"; exit 77; }
rm -rf "$kWork"
mkdir -p "$kWork"
fail() { echo "deb: $1"; exit 1; }

COMPRESSION=none COMPONENTS='runtime;dev' scripts/deb.sh "$kWork" >"$kWork/deb.log" 2>&1 || { cat "$kWork/deb.log"; exit 1; }
readonly kNames=(assemble assemble-dev)
version=$(build/assemble --version | cut -d ' ' -f 2)

# holds NAME PATTERN, lacks NAME PATTERN: a path.
holds() { [ -n "$(find "$kWork/$1" -path "$kWork/$1/$2" -print -quit)" ] || fail "$1 lacks $2"; }
lacks() { [ -z "$(find "$kWork/$1" -path "$kWork/$1/$2" -print -quit)" ] || fail "$1 holds $2"; }
# says NAME PATTERN: in its control file; lists NAME WHAT: in its bill of materials.
says() { grep -q "$2" "$kWork/$1/DEBIAN/control" || fail "$1: control lacks $2"; }
lists() { grep -q "\"name\": \"$2\"" "$kWork/$1/usr/share/doc/$1/sbom.cdx.json" || fail "$1: its bill lacks $2"; }

for name in "${kNames[@]}"; do
  dpkg-deb --raw-extract "$kWork/${name}_${version}"_*.deb "$kWork/$name"
  (cd "$kWork/$name" && md5sum --quiet --check DEBIAN/md5sums) || fail "$name: its sums are of other files"
  for file in copyright changelog.gz sbom.cdx.json; do holds "$name" "usr/share/doc/$name/$file"; done
  says "$name" "^Version: $version$"
done
(cd "$kWork" && find "${kNames[@]}" ! -type d ! -path '*/DEBIAN/*') | cut -d / -f 2- | sort | uniq --repeated >"$kWork/twice"
[ ! -s "$kWork/twice" ] || fail "in two packages: $(head -n 3 "$kWork/twice")"

holds assemble usr/bin/assemble
holds assemble 'usr/lib*/libassemble_c.so.*'
holds assemble usr/share/man/man1/assemble-train.1.gz
holds assemble usr/share/bash-completion/completions/assemble
lacks assemble '*torch*.so*'
lacks assemble '*.h'
says assemble '^Depends: .*libc6'
if grep '^Depends: .*assemble' "$kWork/assemble/DEBIAN/control"; then fail "the command depends on our other packages"; fi
if grep -q '^ASSEMBLE_OPENVINO:BOOL=ON' build/CMakeCache.txt; then
  holds assemble 'usr/lib*/assemble/libopenvino.so.*'
  lists assemble openvino
fi

holds assemble-dev usr/include/assemble/capi/assemble.h
says assemble-dev "^Depends: assemble (= $version),"

# Libraries are looked for in no folder of the build.
find "$kWork/assemble" -type f \( -path '*/bin/*' -o -name 'libassemble*.so.*' \) -exec readelf -d {} + |
  grep -E 'R(UN)?PATH' >"$kWork/paths"
if grep -v '\[[$]ORIGIN[^:]*\]' "$kWork/paths"; then fail "looks for libraries outside of the package"; fi

# The CMake package takes the OpenVINO that is installed, and does without LibTorch where none is.
cp -a "$kWork/assemble" "$kWork/installed"
cp -a "$kWork/assemble-dev/." "$kWork/installed"
sed -i '/^set(ASSEMBLE_BUILT_WITH_/d' "$kWork"/installed/usr/lib*/cmake/assemble/assembleConfig.cmake  # as elsewhere
cmake -S examples -B "$kWork/examples" -DCMAKE_PREFIX_PATH="$PWD/$kWork/installed/usr" >"$kWork/configure.log" 2>&1 ||
  { cat "$kWork/configure.log"; exit 1; }
! grep -q '^ASSEMBLE_OPENVINO:BOOL=ON' build/CMakeCache.txt ||
  grep -qrE "installed/usr/lib[^ ]*/assemble/libopenvino" "$kWork/examples" || fail "the examples take another OpenVINO"
grep -q 'assemble: without the target assemble::assemble' "$kWork/configure.log" || [ ! -e build/assemble-torch ] ||
  fail "that there is no LibTorch is not said"
for name in "${kNames[@]}"; do echo "deb: $name: $(find "$kWork/$name" -type f | wc -l) files"; done
