#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Online against stored distillation: time a step and accuracy.

    benchmarks/distillation.py --data flowers12 --work DIR --out FILE.csv [--program build/assemble] [--epochs N]
                               [--teacher-epochs N] [--seeds N] [--threads N] [--rounds N]

Trains a teacher (resnet50+w32) and stores its logits with the data; then students (resnet50+w16) without a teacher, from
the stored logits, and with the teacher looking at every crop, SEEDS of each. All by the recipe flowers12_5min_vanilla;
the last epoch's averaged weights count. What DIR holds already is not made again.

The time of a step is measured apart: ROUNDS short runs of each kind in turns at the larger crop alone, of which the
fastest counts, as whatever else the machine does only adds time.
"""
import argparse
import csv
import datetime
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import tomllib

from machine import processor, threads, version

RECIPE = "recipes/flowers12/flowers12_5min_vanilla.toml"
TEACHER, STUDENT = "resnet50+w32", "resnet50+w16"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--program", default="build/assemble")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--teacher-epochs", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--rounds", type=int, default=5, help="of the timing")
    return parser.parse_args()


def run(*words):
    command = list(map(str, words))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def train(options, name, arch, epochs, seed, data, *more):
    """The result of a run that is finished, or is made."""
    result = options.work / f"{name}.json"
    if not result.exists():
        made = run(options.program, "train", "--recipe", RECIPE, "--data", data, "--out", options.work / name, "--arch",
                   arch, "--epochs", epochs, "--eval-every", epochs, "--seed", seed, "--threads", options.threads,
                   "--loader-threads", options.threads, "--json", *more)
        result.write_text(json.dumps(made))
    return json.loads(result.read_text())


def milliseconds_a_step(options, round, kind, data, more):
    """Of a run of one epoch at the recipe's larger crop."""
    with tempfile.TemporaryDirectory(dir=options.work) as out:
        made = run(options.program, "train", "--recipe", RECIPE, "--data", data, "--out", out, "--arch", STUDENT,
                   "--epochs", 2, "--warmup-epochs", 0, "--small-share", 0, "--eval-every", 2, "--seed", round, "--threads",
                   options.threads, "--loader-threads", options.threads, "--json", "--quiet", "--overwrite", *more)
        config = tomllib.loads(pathlib.Path(out, "config.toml").read_text())
    images = config["batch-size"] * config["accumulate"] * (2 if config["mixup"] == 1 else 1)
    return 1000 * images / made["images_per_second"]


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    teacher = train(options, "teacher", TEACHER, options.teacher_epochs, 0, options.data)
    model, taught = options.work / "teacher" / "last.safetensors", options.work / "taught"
    run(options.program, "teach", "--model", model, "--data", options.data, "--out", taught, "--json")
    kinds = {"none": [], "stored": ["--kd-temperature", 1], "online": ["--kd-temperature", 1, "--teacher", model]}
    accuracies = [["teacher", TEACHER, options.teacher_epochs, 0, f"{teacher['top1']:.4f}", ""]]
    for seed in range(options.seeds):
        for kind, more in kinds.items():
            result = train(options, f"{kind}{seed}", STUDENT, options.epochs, seed, taught, *more)
            accuracies.append([kind, STUDENT, options.epochs, seed, f"{result['top1']:.4f}", ""])
            print(*accuracies[-1], flush=True)
    times = {kind: [] for kind in kinds}
    for round in range(options.rounds):
        for kind, more in kinds.items():
            times[kind].append(milliseconds_a_step(options, round, kind, taught, more))
            print(round, kind, f"{times[kind][-1]:.1f} ms a step", flush=True)
    write(options, [row[:-1] + [f"{min(times[row[0]]):.1f}" if row[0] in times else ""] for row in accuracies])


def write(options, rows):
    with open(options.out, "w", newline="") as file:
        file.write(f"# {datetime.date.today()}, {processor()}, {options.threads or threads()} threads, "
                   f"{version(options.program)}; {options.data.name}; {RECIPE}\n")
        file.write(f"# command: benchmarks/distillation.py --data {options.data.name} --work DIR --out FILE --epochs "
                   f"{options.epochs} --teacher-epochs {options.teacher_epochs} --seeds {options.seeds} --threads "
                   f"{options.threads} --rounds {options.rounds}\n")
        file.write(f"# milliseconds_a_step: of 96x96 crops, the fastest of {options.rounds} runs in turns\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["distillation", "arch", "epochs", "seed", "top1", "milliseconds_a_step"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
