#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The scripts that count: what fails is counted and named, also beside the cases of a test program; a fuzzer that fails
# stops no other, and its find is told at the end; lint takes the commit before where there is one, and says so where there
# is none.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'scripts_test: %s\n' "$1" >&2
  cat "$work/log" >&2
  exit 1
}

expect() { grep -qF -- "$1" "$work/log" || fail "expected in the output: $1"; }

mkdir -p "$work/tree/scripts"
cp scripts/stages.sh scripts/count_tests.py scripts/lint.sh "$work/tree/scripts/"
cd "$work/tree"

# A test program that finds a leak after a case that passed, and one that ends in the middle of its second case.
cat >leaks <<'END'
#!/usr/bin/env bash
printf '[==========] 1 test ran\nERROR: LeakSanitizer: detected memory leaks\n'
printf '{"testsuites": [{"name": "A", "testsuite": [{"name": "a", "result": "COMPLETED"}]}]}' >build/test-reports/leaks.json
exit 23
END
cat >crashes <<'END'
#!/usr/bin/env bash
printf '[ RUN      ] A.a\n[       OK ] A.a (1 ms)\n[ RUN      ] A.b\n'
exit 139
END
chmod +x leaks crashes
status=0
bash -c '. scripts/stages.sh; count fine 0; count absent 77; count wrong 3
         for name in leaks crashes; do start_program "$name" "./$name"; report_program "$name"; done; totals' >"$work/log" 2>&1 || status=$?
[ "$status" -ne 0 ] || fail "failures, and a status of 0"
expect "failed: wrong (exit status 3)"
expect "failed: leaks, after its cases (exit status 23)"
expect "LeakSanitizer: detected memory leaks"
expect "ended early, at: [ RUN      ] A.b"
[ "$(tail -n 1 "$work/log")" = "3 passed, 3 failed, 1 skipped" ] || fail "the counts are wrong"

# One fuzzer that finds nothing beside one that does.
mkdir -p "$work/fuzzing/scripts" "$work/fuzzing/fuzz" "$work/fuzzing/build-base-asan/fuzz"
cp "$repository/scripts/fuzz.sh" "$work/fuzzing/scripts/"
touch "$work"/fuzzing/fuzz/fuzz_{finds,quiet}.cpp
printf '#!/bin/sh\necho "==1==ERROR: AddressSanitizer: heap-buffer-overflow"\necho "Base64: AAEC"\nexit 77\n' \
  >"$work/fuzzing/build-base-asan/fuzz/fuzz_finds"
# shellcheck disable=SC2016  # the fuzzer's
printf '#!/bin/sh\necho "Done 5 runs in $SECONDS_EACH second(s)"\n' >"$work/fuzzing/build-base-asan/fuzz/fuzz_quiet"
chmod +x "$work"/fuzzing/build-base-asan/fuzz/fuzz_*
status=0
SECONDS_EACH=1 "$work/fuzzing/scripts/fuzz.sh" >"$work/log" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "a find, and a status of $status"
expect "quiet: Done 5 runs in 1 second(s)"
expect "finds: failed"
expect "heap-buffer-overflow"
[ "$(tail -n 1 "$work/log")" = "Base64: AAEC" ] || fail "the input is not told last"
"$work/fuzzing/scripts/fuzz.sh" quiet >"$work/log" 2>&1 || fail "a fuzzer chosen by name"

command -v git >/dev/null || { echo "scripts: counts, fuzzing (no git)"; exit; }
commit() {
  git add -A
  git -c user.name=n -c user.email=e@localhost commit -q -m "$1"
}
git init -q
mkdir src
echo '// SPDX-License-Identifier: Apache-2.0' >src/old.cpp
commit first
scripts/lint.sh changed >"$work/log" 2>&1 || fail "a commit that is the first fails"
expect "no commit to compare with"
echo 'int bare;' >src/bare.cpp
commit second
if scripts/lint.sh changed >"$work/log" 2>&1; then fail "took a source without its licence line"; fi
expect "1 sources differ from"
expect "src/bare.cpp"
! grep -q 'src/old.cpp' "$work/log" || fail "checked what did not change"
cd "$repository"
echo "scripts: counts, fuzzing, the change that is checked"
