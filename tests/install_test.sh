#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the release build into a prefix of its own and uses it from there: the command, and tests/consumer and the
# examples through find_package(assemble), examples/classify.c also through pkg-config.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/install-test
prefix="$PWD/$kWork/prefix"
rm -rf "$kWork"
mkdir -p "$kWork"
cmake --install build --prefix "$prefix" >"$kWork/install.log"

# Installations that are made at the same time do not take files from each other.
others=()
for name in a b c; do
  cmake --install build --component runtime --prefix "$PWD/$kWork/$name" >"$kWork/install-$name.log" 2>&1 &
  others+=($!)
done
for other in "${others[@]}"; do
  wait "$other" || { cat "$kWork"/install-?.log; exit 1; }
done
for name in a b c; do diff -r "$prefix/share/man" "$kWork/$name/share/man"; done

# `make install` builds the programs and the C library alone: all that is installed has to come with them.
if [ -e build/libassemble_cuda.so ] && [ -e build/build.ninja ]; then
  ninja -C build -t inputs assemble-torch | grep -qx libassemble_cuda.so ||
    { echo "install: libassemble_cuda.so is not built with the program that loads it"; exit 1; }
fi

generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

# quietly NAME COMMAND...: shows the output only when the command fails.
quietly() {
  local log="$kWork/$1.log"
  shift
  "$@" >"$log" 2>&1 || { cat "$log"; exit 1; }
}

# build SOURCES [NAME]: against the installed package, in a folder of that name, else named like the sources'.
build() {
  local name
  name=${2:-$(basename "$1")}
  quietly "configure-$name" cmake -S "$1" -B "$kWork/$name" "${generator[@]}" "${launcher[@]}" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
  quietly "build-$name" cmake --build "$kWork/$name"
}

build tests/consumer
# The check value of the paper's vanilla network with 1001 classes.
output=$("$kWork/consumer/consumer" resnet50)
echo "consumer: $output"
[ "$output" = "resnet50: 25559081 parameters" ]

# The C API's library shows its own symbols alone, and finds what it was linked with: of two libtbb.so.12 OpenVINO's.
library=$(find "$prefix" -name 'libassemble_c.so')
[ "$(nm -D --defined-only "$library" | awk '{ print $3 }' | grep -vc '^assemble_')" -eq 0 ]
ldd "$library" >"$kWork/ldd.log"
if grep 'not found' "$kWork/ldd.log"; then exit 1; fi
openvino=$(awk '/libopenvino\.so/ { print $3 }' "$kWork/ldd.log")
[ -z "$openvino" ] || [ ! -e "$(dirname "$openvino")/libtbb.so.12" ] ||
  grep -qF "libtbb.so.12 => $(dirname "$openvino")/" "$kWork/ldd.log"

# Manual pages and completion are there, of the other program's commands too.
[ -s "$prefix/share/man/man1/assemble-train.1" ]
grep -qF 'complete -F _assemble assemble' "$prefix/share/bash-completion/completions/assemble"
grep -qF -- '--label-smoothing' "$prefix/share/bash-completion/completions/assemble"
grep -q '^#compdef assemble' "$prefix/share/zsh/site-functions/_assemble"
grep -q '^complete -c assemble' "$prefix/share/fish/vendor_completions.d/assemble.fish"

build examples
PKG_CONFIG_PATH="$(dirname "$library")/pkgconfig"
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # words
quietly pkg-config-build cc -Wall -Wextra -Werror -o "$kWork/classify" examples/classify.c \
  $(pkg-config --cflags --libs assemble) -Wl,-rpath,"$(pkg-config --variable=libdir assemble)"
[ "$(pkg-config --modversion assemble)" = "$("$prefix/bin/assemble" --version | cut -d ' ' -f 2)" ]

"$prefix/bin/assemble" dataset draw --quiet --out "$kWork/data" --train-per-class 8 --validation-per-class 2 --side 32 \
  >/dev/null
"$prefix/bin/assemble" train --quiet --data "$kWork/data" --out "$kWork/run" --arch resnet50+w4 --epochs 1 \
  --batch-size 8 --train-size 32 --eval-size 32 --bn-momentum 0.5 --lr 0.01 >/dev/null
model="$PWD/$kWork/run/last.safetensors"
mapfile -t images < <(find "$PWD/$kWork/data/validation" -type f | sort)
# The five most probable classes of each image, beside what the command says: image, probability, class.
"$prefix/bin/assemble" predict --quiet --model "$model" --cache "" --format csv "${images[@]}" |
  awk -F , 'NR > 1 { print $1 "\t" $5 "\t" $4 }' >"$kWork/expected"
for program in "$kWork/examples/predict" "$kWork/examples/classify" "$kWork/classify"; do
  "$program" "$model" "${images[@]}" >"$kWork/found" 2>"$kWork/classify.log" || { cat "$kWork/classify.log"; exit 1; }
  paste "$kWork/expected" "$kWork/found" |
    awk -F '\t' '$1 != $4 || $3 != $6 || ($2 - $5) ^ 2 > 1e-7 { print; wrong = 1 } END { exit wrong || NR < 10 }'
done
status=0
"$kWork/classify" "$model" "${images[0]}" /dev/null >/dev/null 2>"$kWork/broken.log" || status=$?
[ "$status" -eq 3 ]
echo "classify: $(tail -n 1 "$kWork/classify.log")"

# What ships models runs without LibTorch; what it says of f32 is what the command says.
for program in predict deploy; do
  if ldd "$kWork/examples/$program" | grep -q torch; then echo "$program is linked with LibTorch"; exit 1; fi
done
quietly deploy "$kWork/examples/deploy" "$model" "$kWork/data" "$kWork/int8.onnx"
top1=$("$prefix/bin/assemble" eval --quiet --model "$model" --data "$kWork/data" --json |
         python3 -c 'import json, sys; print(json.load(sys.stdin)["top1"])')
awk -v top1="$top1" '/^top-1/ { found = ($3 - top1) ^ 2 < 1e-8 } END { exit !found }' "$kWork/deploy.log"
"$prefix/bin/assemble" predict --quiet --model "$kWork/int8.onnx" --cache "" "${images[0]}" >/dev/null
# A package's examples compile where it is, and say what the others do.
"$prefix/bin/assemble" export --quiet --model "$model" --out "$kWork/shipped" --package >/dev/null
build "$kWork/shipped/examples" shipped-examples
for program in classify predict; do
  "$kWork/shipped-examples/$program" "$kWork/shipped/models/shipped/1/model.onnx" "${images[@]}" >"$kWork/found" 2>/dev/null
  paste "$kWork/expected" "$kWork/found" |
    awk -F '\t' '$1 != $4 || $3 != $6 || ($2 - $5) ^ 2 > 1e-7 { print; wrong = 1 } END { exit wrong || NR < 10 }'
done
# Fine-tunes the model above.
quietly train "$kWork/examples/train" "$kWork/data" "$kWork/tuned" "$model"
"$prefix/bin/assemble" predict --quiet --model "$kWork/tuned/best.safetensors" --cache "" "${images[0]}" >/dev/null
echo "examples: $(tail -n 1 "$kWork/deploy.log"); $(tail -n 1 "$kWork/train.log")"

# From another folder: nothing may depend on where the command is started.
cd /
"$prefix/bin/assemble" model info resnet50 --classes 1001 --image-size 224 --json | grep -q '"parameters": *25559081'
