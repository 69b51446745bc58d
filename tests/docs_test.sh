#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the pages name is there: files and folders in backquotes, the targets of links, and the rooms of docs/library.md.
# shellcheck disable=SC2016,SC2013  # backquotes are the pages'; names hold no blanks
set -euo pipefail
cd "$(dirname "$0")/.."

pages=(README.md CONTRIBUTING.md docs/*.md docs/tasks/*.md docs/techniques/*.md)
missing=0 checked=0

# require PAGE NAME [PATH]
require() {
  checked=$((checked + 1))
  if [ ! -e "${3:-$2}" ]; then
    echo "$1 names $2, which is not there"
    missing=$((missing + 1))
  fi
}

for page in "${pages[@]}"; do
  # Paths from the top of the tree; not those with a placeholder or a pattern in them.
  for name in $(grep -oE '`(src|include/assemble|tests|scripts|docs|cmake|examples|recipes|benchmarks|fuzz)/[^` ]*`' "$page" |
                  tr -d '`' | grep -vE '[<>*?{]|NAME|ROOM' | sort -u); do
    require "$page" "$name"
  done
  for link in $(grep -oE '\]\([^)#: ]+[)#]' "$page" | sed -E 's/^\]\(//; s/[)#]$//' | sort -u); do
    require "$page" "$link" "$(dirname "$page")/$link"
  done
done

for room in $(sed -nE 's/^\| ([a-z]+) \|.*/\1/p' docs/library.md | grep -v '^room$'); do
  require docs/library.md "the room $room" "src/$room"
done
for room in src/*/; do
  name=$(basename "$room")
  grep -qE "^\| $name \|" docs/library.md || { echo "docs/library.md lacks the room $name"; missing=$((missing + 1)); }
done
[ "$checked" -gt 100 ] || { echo "docs_test: found only $checked names"; exit 1; }
[ "$missing" -eq 0 ]
echo "docs: $checked names are there"
