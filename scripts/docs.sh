#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the manual of the library in build/docs/html. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/docs
doxygen docs/Doxyfile
echo "docs: build/docs/html/index.html"
