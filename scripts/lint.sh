#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: scripts/lint.sh format|base|all|changed
#   format   formats the sources in place
#   base     checks the format, and runs clang-tidy over the sources that do not include LibTorch
#   all      the same, over every source (half a minute for each that includes LibTorch)
#   changed  the same, over what differs from origin/main, or from the commit before where this is origin/main
# FILES="a.cpp b.cpp" narrows any of them to those files. TIDY_SECONDS=N starts no further clang-tidy after N seconds,
# and says how many sources were left out.
set -euo pipefail
cd "$(dirname "$0")/.."

sources() {
  if [ -n "${FILES+set}" ]; then
    # shellcheck disable=SC2086  # a list
    printf '%s\n' $FILES
  else
    git ls-files --cached --others --exclude-standard -- 'include/*.h' 'src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' \
      'tests/*.c' 'examples/*.c' 'examples/*.cpp' 'benchmarks/*.cpp' 'fuzz/*.h' 'fuzz/*.cpp'
  fi
}

# The commit that a change is held against; fails where the history does not hold one.
base_commit() {
  local main
  main=$(git merge-base HEAD origin/main 2>/dev/null) || main=
  if [ -n "$main" ] && [ "$main" != "$(git rev-parse HEAD)" ]; then
    echo "$main"
  else
    git rev-parse --verify --quiet HEAD~1
  fi
}

changed_sources() {
  local changed
  changed=$(git diff --name-only --diff-filter=d "$1")
  sources | grep -xF -- "$changed" || true
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

check_scripts() {
  git ls-files -z -- '*.sh' .ci/run | xargs -0r shellcheck -x
}

# Sources of src/ that the commands in $1 compile; a header stands for the source of its name.
compiled_sources() {
  local file room
  sources | while read -r file; do
    case $file in
      src/*.cpp) echo "$file" ;;
      src/*.h) echo "${file%.h}.cpp" ;;
      include/assemble/*/*.h)
        room=${file#include/assemble/}
        find "src/${room%%/*}" -name "$(basename "$file" .h).cpp"
        ;;
    esac
  done | sort -u | while read -r file; do
    if grep -q "\"file\": \"$PWD/$file\"" "$1/compile_commands.json"; then echo "$file"; fi
  done
}

# tidy BUILD_DIR: clang-tidy over those of src/ that the build compiles, those that are quick first. GCC's precompiled
# header and its options mean nothing to clang, so they leave the commands first.
tidy() {
  local build_dir=$1 commands
  commands=$(mktemp -d)
  # shellcheck disable=SC2064  # now
  trap "rm -rf '$commands'" RETURN
  sed -E 's/ -include [^ ]*cmake_pch[^ ]*//; s/ -Winvalid-pch//; s/ -fpch-preprocess//; s/ -fno-sanitize-recover=[a-z]*//' \
    "$build_dir/compile_commands.json" >"$commands/compile_commands.json"
  compiled_sources "$commands" >"$commands/sources"
  echo "lint: clang-tidy reads $(wc -l <"$commands/sources") sources"
  if [ -z "${FILES+set}" ] && [ ! -s "$commands/sources" ]; then
    echo "lint: $build_dir/compile_commands.json names none of src/" >&2
    return 1
  fi
  local status=0
  # shellcheck disable=SC2016  # expanded by the shell of each source
  DEADLINE=$(($(date +%s) + ${TIDY_SECONDS:-1000000})) LEFT_OUT=$commands/left-out xargs -r -n 1 -P "$(nproc)" bash -c '
      if [ "$(date +%s)" -lt "$DEADLINE" ]; then exec clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$0" "$1"; fi
      echo "$1" >>"$LEFT_OUT"' "$commands" <"$commands/sources" || status=$?
  [ ! -f "$commands/left-out" ] ||
    echo "lint: after $TIDY_SECONDS s clang-tidy left out $(wc -l <"$commands/left-out") of $(wc -l <"$commands/sources") sources"
  return "$status"
}

# check PRESET
check() {
  check_licence_lines
  check_format
  check_scripts
  scripts/build.sh "$1" help >/dev/null  # configures, and finds sources that came since
  tidy "build-$1"
}

case ${1:-} in
  format) sources | xargs -r clang-format --style=file -i ;;
  base) check lint-runtime ;;
  all) check lint ;;
  changed)
    if ! base=$(base_commit); then
      echo "lint: no commit to compare with (a shallow clone?); nothing checked"
      exit
    fi
    FILES=$(changed_sources "$base")
    echo "lint: $(wc -w <<<"$FILES") sources differ from $(git log -1 --format='%h %s' "$base")"
    check lint
    ;;
  *) echo "usage: scripts/lint.sh format|base|all|changed" >&2; exit 2 ;;
esac
