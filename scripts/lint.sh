#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/lint.sh format|base|all
#   format  formats the sources in place
#   base    checks the format, and runs clang-tidy over the sources that do not include LibTorch
#   all     the same, over every source (half a minute for each that includes LibTorch)
# FILES="a.cpp b.cpp" narrows either to those files.
set -euo pipefail
cd "$(dirname "$0")/.."

sources() {
  if [ -n "${FILES:-}" ]; then
    # shellcheck disable=SC2086  # a list
    printf '%s\n' $FILES
  else
    git ls-files --cached --others --exclude-standard -- 'include/*.h' 'src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' \
      'tests/*.c' 'examples/*.c' 'benchmarks/*.cpp' 'fuzz/*.h' 'fuzz/*.cpp'
  fi
}

check_format() {
  sources | xargs -r clang-format --style=file --dry-run -Werror ||
    { echo "lint: the format differs; 'make format' mends it" >&2; return 1; }
}

check_licence_lines() {
  local bare
  bare=$(sources | xargs -r grep -L 'SPDX-License-Identifier: Apache-2.0') || true
  [ -z "$bare" ] || { printf 'lint: no licence line in:\n%s\n' "$bare" >&2; return 1; }
}

# tidy BUILD_DIR: clang-tidy over those of src/ that the build compiles. GCC's precompiled header and its
# options mean nothing to clang, so they leave the commands first.
tidy() {
  local build_dir=$1 commands
  commands=$(mktemp -d)
  # shellcheck disable=SC2064  # now
  trap "rm -rf '$commands'" RETURN
  sed -E 's/ -include [^ ]*cmake_pch[^ ]*//; s/ -Winvalid-pch//; s/ -fpch-preprocess//; s/ -fno-sanitize-recover=[a-z]*//' \
    "$build_dir/compile_commands.json" >"$commands/compile_commands.json"
  sources | grep '^src/.*\.cpp$' | while read -r source; do
    if grep -q "\"file\": \"$PWD/$source\"" "$commands/compile_commands.json"; then echo "$source"; fi
  done | xargs -r -n 1 -P "$(nproc)" clang-tidy --quiet -p "$commands"
}

case ${1:-} in
  format) sources | xargs -r clang-format --style=file -i ;;
  base | all)
    check_licence_lines
    check_format
    if [ "$1" = base ]; then
      [ -f build-base-asan/compile_commands.json ] || scripts/build.sh base-asan help >/dev/null
      tidy build-base-asan
    else
      [ -f build/compile_commands.json ] || scripts/build.sh release help >/dev/null
      tidy build
    fi
    ;;
  *) echo "usage: scripts/lint.sh format|base|all" >&2; exit 2 ;;
esac
