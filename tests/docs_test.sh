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
# The messages that docs/troubleshooting.md quotes are ones that the program prints; "…" stands for what differs.
python3 - <<'END' || missing=$((missing + 1))
import pathlib, re, sys
literals = []
for source in pathlib.Path("src").rglob("*.cpp"):
    text = re.sub(r'"\s*\n\s*"', "", source.read_text(encoding="utf-8"))
    literals += [literal.replace('\\"', '"') for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)]
messages = re.findall(r"^### `(.*)`$", pathlib.Path("docs/troubleshooting.md").read_text(encoding="utf-8"), re.M)
lost = [message for message in messages
        if not all(any(part in literal for literal in literals) for part in message.split("…") if part)]
for message in lost:
    print(f"docs/troubleshooting.md quotes '{message}', which no source prints")
print(f"docs: {len(messages)} messages are the program's")
sys.exit(bool(lost) or len(messages) < 20)
END

[ "$checked" -gt 100 ] || { echo "docs_test: found only $checked names"; exit 1; }
[ "$missing" -eq 0 ]
echo "docs: $checked names are there"
