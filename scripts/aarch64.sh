#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the runtime half and its tests for 64-bit ARM with Debian's cross compiler, and runs the tests under qemu-user. The
# last line counts them. Debian's libraries for ARM lie in build-aarch64/root, so that the machine's own packages stay as
# they are; OpenVINO is that of PyPI's wheel.
# Usage: scripts/aarch64.sh [GTEST_FILTER]
#
#   ASSEMBLE_OPENVINO=OFF   build without OpenVINO
#   JOBS=N                  compilers, and then parts of the tests, at a time
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/stages.sh
. scripts/stages.sh
# Under qemu the program that runs is not the file that was started, so a link to itself is not seen to be one.
filter=${1:-*-HandOver.ALinkToItselfIsNotStarted}
readonly kBuild=$PWD/build-aarch64
readonly kRoot=$kBuild/root
readonly kRun=$kBuild/run

# Debian's packages of the release that this machine runs, with all that they need, by an apt of their own.
fetch_packages() {
  local apt=$kBuild/apt release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" \
    >"$apt/sources.list"
  cat >"$apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
END
  APT_CONFIG=$apt/apt.conf apt-get -qq update
  # shellcheck disable=SC2086  # one word a package
  APT_CONFIG=$apt/apt.conf apt-get -qq install --download-only $1 >/dev/null
}

# Their maintainers' scripts are not run; of what those do, the libraries of linear algebra that OpenCV needs are missed.
unpack_packages() {
  local package library link
  mkdir -p "$kRoot/usr/lib" "$kRoot/usr/bin"
  ln -sfn usr/lib "$kRoot/lib"
  ln -sfn usr/bin "$kRoot/bin"
  for package in "$kBuild"/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --no-same-owner --directory "$kRoot"
  done
  find "$kRoot" -lname '/*' | while read -r link; do
    ln -sfnr "$kRoot$(readlink "$link")" "$link"
  done
  for library in blas lapack; do
    ln -sf "$library/lib$library.so.3" "$kRoot/usr/lib/aarch64-linux-gnu/lib$library.so.3"
  done
}

make_root() {
  local packages
  packages="libc6-dev libstdc++6 $(scripts/bootstrap.sh libraries | tr '\n' ' ')"
  [ "$(cat "$kBuild/packages" 2>/dev/null)" != "$packages" ] || return 0
  echo "aarch64: fetching Debian's libraries into $kRoot"
  rm -rf "$kRoot" "$kBuild/packages" "$kBuild/openvino"
  fetch_packages "$packages"
  unpack_packages
  rm -rf "$kBuild/apt"
  echo "$packages" >"$kBuild/packages"
}

# The wheel of the version that the machine's own build has.
add_openvino() {
  local version
  version=$(sed -n 's/^readonly kOpenvino=(\(.*\))$/\1/p' scripts/bootstrap.sh)
  [ "$(cat "$kBuild/openvino" 2>/dev/null)" != "$version" ] || return 0
  echo "aarch64: fetching $version"
  [ -x "$kBuild/venv/bin/python" ] || python3 -m venv "$kBuild/venv"
  "$kBuild/venv/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: \
    --platform manylinux_2_35_aarch64 --dest "$kBuild/wheel" "$version"
  mkdir -p "$kRoot/opt"
  "$kBuild/venv/bin/python" -m zipfile -e "$kBuild"/wheel/*.whl "$kRoot/opt"
  rm -rf "$kBuild/wheel"
  echo "$version" >"$kBuild/openvino"
}

# write_starter FILE PROGRAM: the kernel starts no program of another processor, but it starts this file. The program is put
# beside it, also where a test has copied the file to: it looks for others beside itself.
write_starter() {
  cat >"$1" <<END
#!/bin/sh
program=\$(dirname "\$0")/.aarch64-$(basename "$2")
[ -e "\$program" ] || { cp "$2" "\$program.\$\$" && mv "\$program.\$\$" "\$program"; }
exec qemu-aarch64-static -L "$kRoot" -0 "\$0" "\$program" "\$@"
END
  chmod +x "$1"
}

# As the build's folder, for the tests, which start the command that lies there.
make_run_folder() {
  rm -rf "$kRun"
  mkdir -p "$kRun/tests"
  ln "$kBuild/compile_commands.json" "$kRun/"
  write_starter "$kRun/assemble" "$kBuild/assemble"
  write_starter "$kRun/tests/start" "$kBuild/tests/assemble_runtime_tests"
}

mkdir -p "$kBuild"
make_root
[ "${ASSEMBLE_OPENVINO:-ON}" = OFF ] || add_openvino
scripts/build.sh aarch64 assemble_command assemble_runtime_tests
make_run_folder
readonly kParts=${JOBS:-$(nproc)}
for ((part = 0; part < kParts; ++part)); do
  GTEST_TOTAL_SHARDS=$kParts GTEST_SHARD_INDEX=$part start_program "aarch64-$part" "$kRun/tests/start" "$filter" &
done
wait
for ((part = 0; part < kParts; ++part)); do report_program "aarch64-$part"; done
totals
