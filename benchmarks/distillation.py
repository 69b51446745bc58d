#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Online against stored distillation: time a step and accuracy.

    benchmarks/distillation.py --data flowers12 --work DIR --out FILE.csv [--program build/assemble] [--epochs N]
                               [--teacher-epochs N] [--seeds N]

Trains a teacher (resnet50+w32) and stores its logits with the data; then students (resnet50+w16) without a teacher, from
the stored logits, and with the teacher looking at every crop, SEEDS of each, in turns. All by the recipe
flowers12_5min_vanilla. What DIR holds already is not made again.
"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tomllib

RECIPE = "recipes/flowers12/flowers12_5min_vanilla.toml"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--program", default="build/assemble")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--teacher-epochs", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
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
                   arch, "--epochs", epochs, "--eval-every", epochs, "--seed", seed, "--json", *more)
        result.write_text(json.dumps(made))
    return json.loads(result.read_text())


def milliseconds_a_step(options, name, result):
    config = tomllib.loads((options.work / name / "config.toml").read_text())
    images = config["batch-size"] * config["accumulate"] * (2 if config["mixup"] == 1 else 1)
    return 1000 * images / result["images_per_second"]


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    teacher = train(options, "teacher", "resnet50+w32", options.teacher_epochs, 0, options.data)
    model, taught = options.work / "teacher" / "last.safetensors", options.work / "taught"
    run(options.program, "teach", "--model", model, "--data", options.data, "--out", taught, "--json")
    kinds = {"none": [], "stored": ["--kd-temperature", 1], "online": ["--kd-temperature", 1, "--teacher", model]}
    rows = [["teacher", "resnet50+w32", options.teacher_epochs, 0, f"{teacher['top1']:.4f}",
             f"{milliseconds_a_step(options, 'teacher', teacher):.1f}", f"{teacher['seconds']:.0f}"]]
    for seed in range(options.seeds):
        for kind, more in kinds.items():
            name = f"{kind}{seed}"
            result = train(options, name, "resnet50+w16", options.epochs, seed, taught, *more)
            rows.append([kind, "resnet50+w16", options.epochs, seed, f"{result['top1']:.4f}",
                         f"{milliseconds_a_step(options, name, result):.1f}", f"{result['seconds']:.0f}"])
            print(*rows[-1], flush=True)
    with open(options.out, "w", newline="") as file:
        file.write(f"# {datetime.date.today()}, {os.cpu_count()} threads; {options.data.name}; {RECIPE}; command: "
                   f"benchmarks/distillation.py --epochs {options.epochs} --teacher-epochs {options.teacher_epochs}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["distillation", "arch", "epochs", "seed", "top1", "milliseconds_a_step", "seconds"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
