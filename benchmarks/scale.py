#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of one process and of several on this machine, and what a model of the exchange expects of many machines.

Measured: processes of one thread each, with the same batch each. Modelled: devices in machines of their own, whose gradients
go round a ring, by the bucket and beside backward. What the model assumes is in docs/tasks/scale.md. Usage:
  python benchmarks/scale.py build/assemble --csv docs/results/scale_model.csv
"""

import argparse
import csv
import json
import shlex
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import machine

BUCKETS = 20  # of a step's gradient, as src/train/c10d.cpp makes them
BACKWARD = 2 / 3  # of a step
COLUMNS = ["what", "arch", "devices", "images_a_device", "link_gbit", "latency_us", "gradient_mb", "step_ms",
           "exchange_ms", "images_per_second", "efficiency", "machine", "versions", "date", "command"]


def exchange_seconds(gradient, devices, bandwidth, latency):
    """Of a ring: every device sends all but a part of the gradient twice, in 2 (n - 1) turns a bucket."""
    return 2 * (devices - 1) / devices * gradient / bandwidth + BUCKETS * 2 * (devices - 1) * latency


def step_seconds(alone, gradient, devices, bandwidth, latency):
    """What backward does not hide of the exchange, and its last bucket in any case, comes on top."""
    exchange = exchange_seconds(gradient, devices, bandwidth, latency)
    return alone + max(exchange - BACKWARD * alone, exchange / BUCKETS)


class Runs:
    def __init__(self, program, folder, options):
        self.program, self.folder, self.options, self.count = program, folder, options, 0
        self.run("dataset", "draw", "--out", folder / "data", "--train-per-class", 32, "--validation-per-class", 2)

    def run(self, *arguments):
        command = [str(part) for part in (self.program, *arguments, "--json", "--quiet")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def images_per_second(self, arch, processes):
        self.count += 1
        result = self.run("train", "--data", self.folder / "data", "--out", self.folder / f"run{self.count}",
                          "--arch", arch, "--train-size", self.options.side, "--eval-size", self.options.side,
                          "--batch-size", self.options.batch_size, "--max-steps", self.options.steps, "--threads", 1,
                          "--loader-threads", 1, "--processes", processes, "--log-every", 1000)
        return result["images_per_second"]

    def gradient_bytes(self, arch):
        return 4 * self.run("model", "info", arch)["parameters"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="assemble")
    parser.add_argument("--arch", nargs="+", default=["resnet50", "assemble_resnet50", "mobilenet_v1"])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--devices", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--link", type=float, nargs="+", default=[10, 100], help="Gbit/s between machines")
    parser.add_argument("--latency", type=float, default=20, help="microseconds")
    parser.add_argument("--csv", type=Path, help="file that rows are written to")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(options.program.resolve(), Path(folder), options)
        for arch in options.arch:
            gradient = runs.gradient_bytes(arch)
            rates = {count: runs.images_per_second(arch, count) for count in sorted({1, *options.processes})}
            alone = options.batch_size / rates[1]
            for count, rate in rates.items():
                rows.append(["measured", arch, count, options.batch_size, "", "", f"{gradient / 1e6:.1f}",
                             f"{1000 * count * options.batch_size / rate:.0f}", "", f"{rate:.1f}",
                             f"{rate / rates[1] / count:.3f}"])
            for link in options.link:
                for count in options.devices:
                    given = (gradient, count, link * 1e9 / 8, options.latency * 1e-6)
                    step = step_seconds(alone, *given)
                    rows.append(["modelled", arch, count, options.batch_size, link, options.latency,
                                 f"{gradient / 1e6:.1f}", f"{1000 * step:.0f}", f"{1000 * exchange_seconds(*given):.0f}",
                                 f"{count * options.batch_size / step:.1f}", f"{alone / step:.3f}"])
    about = [f"{machine.processor()}, {machine.threads()} threads", machine.version(options.program),
             date.today().isoformat(), "benchmarks/scale.py " + shlex.join(sys.argv[1:])]
    output = options.csv.open("w", newline="", encoding="utf-8") if options.csv else sys.stdout
    with output:
        csv.writer(output, lineterminator="\n").writerows([COLUMNS, *[row + about for row in rows]])


if __name__ == "__main__":
    main()
