#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds two builds of the command against each other in one run: what a change must leave as it was.

    benchmarks/compare_builds.py OLD NEW --photos DIR --golden DIR --model M.safetensors --data DIR --weights W.pth --out FILE.csv

OLD and NEW are two `assemble` programs. Measured, the builds taking turns: the loader on PHOTOS; for MODEL the rate of
f32, bf16 and int8 (each build exports its own int8 file, calibrated on DATA's training images) and top-1 on DATA; two
epochs of training on DATA, and the corruptions' times over PHOTOS; and for each network under GOLDEN/models how far the
builds' logits lie apart. With --weights, a large network that either build
converts: what a start takes, and one photo of PHOTOS, in f32 and int8, the compiled model being kept. Needs numpy and
safetensors.
"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from safetensors.numpy import load_file


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--photos", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if (options.model is None) != (options.data is None):
        parser.error("--model and --data go together")
    if options.weights and not options.photos:
        parser.error("--weights needs --photos")
    return options


def run(program, *words):
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def turns(rounds):
    """The builds in turns; the one that goes first changes from round to round."""
    for number in range(rounds):
        for build in ("old", "new") if number % 2 == 0 else ("new", "old"):
            yield build


class Table:
    def __init__(self, rounds):
        self.rows = []
        self.rounds = rounds

    def rates(self, what, words):
        """Medians over rounds. `what` maps keys of the result to names, `words` builds to commands."""
        results = {"old": [], "new": []}
        for build in turns(self.rounds):
            results[build].append(json.loads(run(*words[build])))
        for key, name in what.items():
            old, new = (statistics.median(result[key] for result in results[build]) for build in ("old", "new"))
            self.add(name, "images/s", f"{old:.1f}", f"{new:.1f}", f"{new / old:.3f}")

    def add(self, what, unit, old, new, comparison):
        self.rows.append([what, unit, old, new, comparison])
        print(*self.rows[-1], sep=",", flush=True)


def compare_model(table, options, builds, folder):
    models = {}
    for build, program in builds.items():
        model, file = folder / f"{build}.model.safetensors", folder / f"{build}.int8.onnx"
        run(program, "convert", options.model, model)  # of an earlier version it lacks what a newer build adds
        run(program, "export", "--model", model, "--out", file, "--int8", "--calibration", options.data / "train")
        models[build] = {"f32": model, "bf16": model, "int8": file}
    for precision in ("f32", "bf16", "int8"):
        words = {b: (p, "benchmark", "--model", models[b][precision], "--precision", precision, "--batch", 8,
                     "--seconds", 5, "--json") for b, p in builds.items()}
        table.rates({"images_per_second": f"{precision} inference"}, words)
        top1 = {b: json.loads(run(p, "eval", "--model", models[b][precision], "--data", options.data, "--precision",
                                  precision, "--json"))["top1"] for b, p in builds.items()}
        table.add(f"{precision} accuracy", "top-1", f"{top1['old']:.4f}", f"{top1['new']:.4f}",
                  f"{top1['new'] - top1['old']:+.4f}")


def compare_training(table, options, builds, folder):
    """Wall time of two epochs of a small network, and what it comes to: on the CPU the same bits."""
    seconds, top1 = {"old": [], "new": []}, {}
    for build in turns(options.rounds):
        out = folder / f"{build}.run.{len(seconds[build])}"
        start = time.monotonic()
        run(builds[build], "train", "--data", options.data, "--out", out, "--arch", "resnet50+d+w16", "--epochs", 2,
            "--preprocessing", "imagenet_96", "--lr", 0.02, "--bn-momentum", 0.9, "--json")
        seconds[build].append(time.monotonic() - start)
        with (out / "summary.csv").open() as file:
            top1[build] = float(list(csv.DictReader(file))[-1]["top1"])
    old, new = (statistics.median(seconds[build]) for build in ("old", "new"))
    table.add("training, resnet50+d+w16 at 96, 2 epochs and 2 evaluations", "s", f"{old:.2f}", f"{new:.2f}",
              f"{new / old:.3f}")
    table.add("training, resnet50+d+w16 at 96, 2 epochs", "top-1", f"{top1['old']:.6f}", f"{top1['new']:.6f}",
              f"{top1['new'] - top1['old']:+.6f}")


def compare_corruptions(table, options, builds):
    times = {"old": [], "new": []}
    for build in turns(options.rounds):
        result = json.loads(run(builds[build], "benchmark", "corrupt", "--data", options.photos, "--json"))
        times[build].append(result["milliseconds"])
    for name in times["old"][0]:
        old, new = (statistics.median(times[build][number][name] for number in range(options.rounds))
                    for build in ("old", "new"))
        table.add(f"corruption {name}", "ms an image", f"{old:.3f}", f"{new:.3f}", f"{new / old:.3f}")


def compare_logits(table, golden, builds, folder):
    for case in sorted(path for path in (golden / "models").iterdir() if path.is_dir()):
        logits = {}
        for build, program in builds.items():
            model, output = folder / f"{build}.safetensors", folder / f"{build}.out.safetensors"
            arch = json.loads((case / "case.json").read_text())["arch"]
            run(program, "convert", case / "model.ckpt-7", model, "--arch", arch)
            run(program, "forward", "--model", model, "--input", case / "io.safetensors", "--output", output)
            logits[build] = load_file(output)["logits"]
        reference = load_file(case / "io.safetensors")["logits"]
        old, new = (np.abs(logits[build] - reference).max() for build in ("old", "new"))
        table.add(f"logits of {case.name}", "largest difference to the original", f"{old:.2e}", f"{new:.2e}",
                  f"{np.abs(logits['new'] - logits['old']).max():.1e} apart")


def start(program, *words):
    """Seconds and resident MiB of a process."""
    before = time.monotonic()
    process = subprocess.Popen([str(program), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{program} {words} ended with {status}")
    return time.monotonic() - before, usage.ru_maxrss / 1024


def compare_starts(table, options, builds, folder):
    photo = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[0]
    tasks = {"--version": {build: ("--version",) for build in builds}}
    sizes = {}
    for build, program in builds.items():
        model, quantised, cache = (folder / f"{build}.{end}" for end in ("safetensors", "onnx", "cache"))
        run(program, "convert", options.weights, model)
        run(program, "export", "--model", model, "--out", quantised, "--int8", "--calibration", options.photos,
            "--calibration-images", 32)
        for precision, file in (("f32", model), ("int8", quantised)):
            words = ("predict", "--model", file, "--cache", cache, photo)
            tasks.setdefault(f"predict, {precision}", {})[build] = words
            sizes[f"predict, {precision}"] = file.stat().st_size / 2**20
            run(program, *words)
    for task, words in tasks.items():
        results = {"old": [], "new": []}
        for build in turns(4 * options.rounds):
            results[build].append(start(builds[build], *words[build]))
        old, new = (statistics.median(seconds for seconds, _ in results[build]) for build in ("old", "new"))
        table.add(task, "s", f"{old:.3f}", f"{new:.3f}", f"{new / old:.3f}")
        old, new = (statistics.median(memory for _, memory in results[build]) - sizes.get(task, 0)
                    for build in ("old", "new"))
        table.add(task, "resident MiB beyond the weights", f"{old:.0f}", f"{new:.0f}", f"{new / old:.3f}")
    objects = {build: len(run("ldd", program).splitlines()) for build, program in builds.items()}
    table.add("program", "shared objects", objects["old"], objects["new"], f"{objects['new'] / objects['old']:.3f}")


def main():
    options = arguments()
    builds = {"old": options.old.absolute(), "new": options.new.absolute()}
    table = Table(options.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.golden:
            compare_logits(table, options.golden, builds, folder)
        if options.photos:
            for decode in ("exact", "fast"):
                words = {b: (p, "benchmark", "data", "--data", options.photos, "--decode", decode, "--seconds", 1,
                             "--repeats", 1, "--json") for b, p in builds.items()}
                table.rates({f"{part}_images_per_second": f"loader, {part}, {decode}" for part in ("train", "eval")},
                            words)
            compare_corruptions(table, options, builds)
        if options.weights:
            compare_starts(table, options, builds, folder)
        if options.model:
            compare_model(table, options, builds, folder)
            compare_training(table, options, builds, folder)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "unit", "old", "new", "new_to_old", "rounds", "date", "command"])
        command = shlex.join(["benchmarks/compare_builds.py", *sys.argv[1:]])
        for row in table.rows:
            writer.writerow([*row, options.rounds, datetime.date.today(), command])


if __name__ == "__main__":
    main()
