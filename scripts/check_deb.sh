#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages where nothing else is, a root made by debootstrap: with the first one alone a photo is
# classified, with the second the examples are compiled, with the third a network is trained. Prints a line of CSV for each
# for docs/results/packages.csv: date, package, bytes, seconds until it is installed, seconds until it was first used.
# Needs root, debootstrap and a network.
# Usage: scripts/check_deb.sh FOLDER_OF_PACKAGES MODEL PHOTO [ROOT] (an existing ROOT is used as it is)
set -euo pipefail
packages=$1 model=$2 photo=$3 root=${4:-}
if [ -z "$root" ]; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian >/dev/null
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
# Programs find their own libraries by /proc, and the cores by /sys.
# shellcheck disable=SC2016  # expanded by the inner shell
in_root() {
  unshare --mount sh -c 'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"' "$root" "$@"
}

# quietly NAME COMMAND...: in the root; shows the end of the output when the command fails.
quietly() {
  local log="$root/packages/$1.log"
  shift
  in_root "$@" >"$log" 2>&1 || { tail -n 20 "$log"; exit 1; }
}
elapsed() { awk -v start="$1" -v now="$(date +%s.%N)" 'BEGIN { printf "%.1f", now - start }'; }

# add PACKAGE: one of ours with what it depends on; sets start, and seconds to what it took.
add() {
  cp "$packages/$1"_*.deb "$root/packages/"
  start=$(date +%s.%N)
  # shellcheck disable=SC2016  # expanded by the inner shell
  quietly "install-$1" sh -c 'apt-get install -y -qq --reinstall --no-install-recommends /packages/"$0"_*.deb' "$1"
  seconds=$(elapsed "$start")
  in_root sh -c "cd /usr/share/doc/$1 && test -s copyright && test -s changelog.gz && test -s sbom.cdx.json"
}
# report PACKAGE: it has been used for the first time.
report() { echo "$(date +%F),$1,$(stat -c %s "$packages/$1"_*.deb),$seconds,$(elapsed "$start")"; }

mkdir -p "$root/packages"
cp "$model" "$root/packages/model.safetensors"
cp "$photo" "$root/packages/photo"
quietly update apt-get update -qq

add assemble
in_root assemble predict --quiet --model /packages/model.safetensors --cache "" --format csv --top 1 /packages/photo |
  awk -F , 'NR == 2 { print $4 }' >"$root/packages/expected"
report assemble
[ -s "$root/packages/expected" ]
in_root sh -c 'test -s /usr/share/man/man1/assemble-predict.1.gz && test -s /usr/share/bash-completion/completions/assemble'
status=0
in_root assemble train --data /packages --out /none 2>"$root/packages/train.log" || status=$?
[ "$status" -eq 2 ] || { echo "train without the training half ended with $status"; exit 1; }
grep -q "install the Debian package assemble-training" "$root/packages/train.log"

quietly tools apt-get install -y -qq --no-install-recommends cmake g++ make pkg-config
add assemble-dev
cp -r "$(dirname "$0")/../examples" "$root/packages/"
# shellcheck disable=SC2016  # expanded by the inner shell
quietly examples sh -c 'cd /packages && rm -rf build && cmake -S examples -B build && cmake --build build &&
                        cc -o in_c examples/classify.c $(pkg-config --cflags --libs assemble)'
for program in build/classify build/predict in_c; do
  in_root "/packages/$program" /packages/model.safetensors /packages/photo 2>/dev/null |
    awk -F '\t' 'NR == 1 { print $3 }' | cmp - "$root/packages/expected"
done
report assemble-dev

add assemble-training
if readelf -d "$root/usr/libexec/assemble/assemble-torch" | grep -E 'R(UN)?PATH' | grep -v '\[[$]ORIGIN[^:]*\]'; then
  echo "assemble-torch looks for libraries outside of its package"
  exit 1
fi
quietly training sh -c 'cd /packages && rm -rf data run &&
  assemble dataset draw --quiet --out data --train-per-class 8 --validation-per-class 2 --side 32 &&
  assemble train --quiet --data data --out run --arch resnet50+w4 --epochs 1 --batch-size 8 --train-size 32 --eval-size 32 \
                 --bn-momentum 0.5 --lr 0.01'
report assemble-training
quietly eval assemble eval --engine torch --model /packages/run/last.safetensors --data /packages/data
grep -qi 'top-1' "$root/packages/eval.log"
