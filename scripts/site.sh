#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the site of the documentation in build/site, or in the folder given. Warnings are errors. The commands' pages
# are made from what the program in build/ declares.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/site}
rm -rf build/site-commands
build/assemble man --quiet --format markdown --out build/site-commands >/dev/null
# Its banner about other programs of its authors is no part of a build.
NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --site-dir "$PWD/$out"
echo "site: $out/index.html"
