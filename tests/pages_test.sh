#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command of the pages runs: of README.md, docs/ and the examples of each command's help, with small stand-ins for the
# reader's data and models. What is cut to save time, and what does not run and why, stands at the top of run_pages.py.
# Usage: tests/pages_test.sh [PAGE…]
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -B tests/run_pages.py "$work" "$@"
