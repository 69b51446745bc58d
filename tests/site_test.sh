#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The site of the documentation builds without a warning, has a page for each command, and loads nothing from elsewhere.
# Skipped without `scripts/bootstrap.sh site`.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv-docs/bin/mkdocs ] || { echo "site: mkdocs is not there (scripts/bootstrap.sh site)"; exit 77; }

out=build/site-test
scripts/site.sh "$out" >/dev/null
for page in index quick-start/index tutorial/index commands/assemble-train/index commands/assemble-dataset-check/index \
            techniques/selective_kernel/index; do
  [ -s "$out/$page.html" ] || { echo "site: $page.html is not there"; exit 1; }
done
grep -q -- '--label-smoothing' "$out/commands/assemble-train/index.html"
cmp -s examples/classify.c "$out/files/examples/classify.c" # what a page links to beside docs/
if grep -rnE '<(script|link|img)[^>]*(src|href)="?https?:' "$out" --include='*.html'; then
  echo "site: pages load something from elsewhere"
  exit 1
fi
echo "site: $(find "$out" -name index.html | wc -l) pages"
