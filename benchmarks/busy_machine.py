#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of training a small network, of inference and of the loader, alone and beside busy processes.

Training runs in turns with the threads waiting as GNU OpenMP has it by itself (assemble-torch, started directly) and as
`assemble` tells them to. It needs the cores for about two minutes; what others compute meanwhile is noted. Usage:
  python benchmarks/busy_machine.py build/assemble --csv docs/results/busy.csv
"""

import argparse
import csv
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
SIDE, BATCH = 64, 16
COLUMNS = ["what", "waiting", "busy_processes", "images_per_second", "least", "most", "share_of_alone", "rounds",
           "cores_taken_by_others", "machine", "versions", "date", "command"]


@contextmanager
def busy(count):
    """So many processes that compute all the time."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield spinners
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def processor_seconds():
    """Time that the cores have computed, for whomever, since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def own_seconds(processes):
    """Time that this process' children have computed: those that ended, and those that run."""
    ended = os.times()
    seconds = ended.children_user + ended.children_system
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class Workloads:
    def __init__(self, program, folder, seconds):
        self.program, self.folder, self.seconds, self.runs = program, folder, seconds, 0
        self.data = folder / "data"
        self.run("dataset", "draw", "--out", self.data, "--train-per-class", 12, "--validation-per-class", 1)
        self.training(program)

    def run(self, *arguments, program=None):
        environment = {name: value for name, value in os.environ.items() if name not in WAITING}
        command = [str(part) for part in (program or self.program, *arguments, "--json", "--quiet")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def training(self, program, threads=0):
        self.runs += 1
        out = self.folder / f"run{self.runs}"
        self.model = out / "last.safetensors"
        result = self.run("train", "--data", self.data, "--out", out, "--arch", "resnet50+w8", "--epochs", 1,
                          "--warmup-epochs", 0, "--train-size", SIDE, "--eval-size", SIDE, "--batch-size", BATCH,
                          "--threads", threads, program=program)
        return result["images_per_second"]

    def inference(self):
        result = self.run("benchmark", "--model", self.model, "--batch", 8, "--seconds", self.seconds, "--no-peak")
        return result["images_per_second"]

    def loader(self):
        result = self.run("benchmark", "data", "--data", self.data, "--seconds", self.seconds / 4, "--repeats", 1)
        return result["train_images_per_second"]


def measure(workloads, kinds, counts, rounds):
    """Rates by kind and number of busy processes, and the cores that others took meanwhile."""
    rates = {(kind, count): [] for kind in kinds for count in counts}
    taken = {key: [] for key in rates}
    for _ in range(rounds):
        for kind, count in rates:
            with busy(count) as spinners:
                everyone, own, began = processor_seconds(), own_seconds(spinners), time.monotonic()
                rates[kind, count].append(kinds[kind]())
                others = processor_seconds() - everyone - (own_seconds(spinners) - own)
                taken[kind, count].append(max(others / (time.monotonic() - began), 0))
            print(f"{' '.join(kind)}, {count} busy: {rates[kind, count][-1]:.1f} images/s", file=sys.stderr)
    return rates, taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="assemble; assemble-torch lies beside it")
    parser.add_argument("--busy", type=int, default=2, help="busy processes beside it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of a measurement of inference and loader")
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores")
    parser.add_argument("--versions", default="")
    parser.add_argument("--csv", type=Path, help="file that rows are written to")
    options = parser.parse_args()
    torch_program = options.program.resolve().parent / "assemble-torch"
    command = "benchmarks/busy_machine.py " + shlex.join(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        workloads = Workloads(options.program.resolve(), Path(folder), options.seconds)
        kinds = {("training", "GNU OpenMP's own"): lambda: workloads.training(torch_program),
                 ("training", "set by assemble"): lambda: workloads.training(options.program.resolve()),
                 ("training with one thread", ""): lambda: workloads.training(options.program.resolve(), 1),
                 ("inference", ""): workloads.inference,
                 ("loader", ""): workloads.loader}
        rates, taken = measure(workloads, kinds, [0, options.busy], options.rounds)
    rows = []
    for (kind, count), values in rates.items():
        median = statistics.median(values)
        others = statistics.median(taken[kind, count])
        rows.append([*kind, count, f"{median:.1f}", f"{min(values):.1f}", f"{max(values):.1f}",
                     f"{median / statistics.median(rates[kind, 0]):.2f}", options.rounds, f"{others:.1f}",
                     options.machine, options.versions, date.today().isoformat(), command])
    output = options.csv.open("w", newline="", encoding="utf-8") if options.csv else sys.stdout
    with output:
        csv.writer(output, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
