#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the release build into a prefix of its own, builds tests/consumer against it with find_package(assemble),
# and runs both the consumer and the installed command.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/install-test
prefix="$PWD/$kWork/prefix"
rm -rf "$kWork"
mkdir -p "$kWork"
cmake --install build --prefix "$prefix" >"$kWork/install.log"

generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S tests/consumer -B "$kWork/consumer" "${generator[@]}" "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$prefix" >"$kWork/configure.log" 2>&1 || { cat "$kWork/configure.log"; exit 1; }
cmake --build "$kWork/consumer" >"$kWork/build.log" 2>&1 || { cat "$kWork/build.log"; exit 1; }

# The check value of the paper's vanilla network with 1001 classes.
output=$("$kWork/consumer/consumer" resnet50)
echo "consumer: $output"
[ "$output" = "resnet50: 25559081 parameters" ]

# From another folder: nothing may depend on where the command is started.
cd /
"$prefix/bin/assemble" model info resnet50 --classes 1001 --image-size 224 --json | grep -q '"parameters": *25559081'
