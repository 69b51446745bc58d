#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages where nothing else is, a root made by debootstrap, and classifies a photo there. Prints a
# line of CSV for docs/results/packages.csv. Needs root, debootstrap and a network.
# Usage: scripts/check_deb.sh FOLDER_OF_PACKAGES MODEL PHOTO [ROOT] (an existing ROOT is used as it is)
set -euo pipefail
packages=$1 model=$2 photo=$3 root=${4:-}
if [ -z "$root" ]; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian >/dev/null
fi
# Programs find their own libraries by /proc.
# shellcheck disable=SC2016  # expanded by the inner shell
in_root() { unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"; }

mkdir -p "$root/packages"
cp "$packages"/assemble_*.deb "$root/packages/"
cp "$model" "$root/packages/model.safetensors"
cp "$photo" "$root/packages/photo"
start=$(date +%s)
in_root sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends /packages/assemble_*.deb' \
  >"$root/packages/apt.log" 2>&1 || { tail -n 20 "$root/packages/apt.log"; exit 1; }
installed=$(($(date +%s) - start))
in_root assemble predict --quiet --model /packages/model.safetensors --cache "" --format csv --top 1 /packages/photo
in_root sh -c 'cd /usr/share/doc/assemble && test -s copyright && test -s changelog.gz && test -s sbom.cdx.json'
in_root sh -c 'test -s /usr/share/man/man1/assemble-predict.1.gz && test -s /usr/share/bash-completion/completions/assemble'
status=0
in_root assemble train --data /packages --out /none 2>"$root/packages/train.log" || status=$?
[ "$status" -eq 2 ] || { echo "train without the training half ended with $status"; exit 1; }
grep -q "install the Debian package assemble-training" "$root/packages/train.log"
bytes=$(stat -c %s "$packages"/assemble_*.deb)
echo "$(date +%F),$(basename "$packages"/assemble_*.deb),$bytes,$installed"
