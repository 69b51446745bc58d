# SPDX-License-Identifier: Apache-2.0
"""`python -m assemble` is the command `assemble`."""

from ._command import main

main()
