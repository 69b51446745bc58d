#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the cases in GoogleTest JSON reports: prints "PASSED FAILED SKIPPED"; failures and skips by name to stderr."""

import json
import sys


def cases(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for suite in report["testsuites"]:
        for case in suite["testsuite"]:
            yield f"{suite['name']}.{case['name']}", case


def main(paths):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    skipped = []
    for path in paths:
        for name, case in cases(path):
            if case["result"] == "SKIPPED":
                outcome = "skipped"
                skipped.append(name)
            elif case.get("failures") or case["result"] != "COMPLETED":
                outcome = "failed"
                print(f"failed: {name}", file=sys.stderr)
            else:
                outcome = "passed"
            counts[outcome] += 1
    if skipped:
        print(f"skipped ({len(skipped)}): {' '.join(skipped)}", file=sys.stderr)
    print(counts["passed"], counts["failed"], counts["skipped"])


main(sys.argv[1:])
