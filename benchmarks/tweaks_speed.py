#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each tweak of a network costs in inference: images a second beside the network without it, all in turns.

OpenVINO runs every network twice, as `assemble` deploys it and as it is written (--plain of `assemble benchmark`), in each
precision. Stochastic depth, of which nothing is to be left in a deployed network, is a model file that a step of training
with it made, but in 8 bits, which such a file has none of. It needs an idle machine for about two minutes a precision and form. Usage:
  python benchmarks/tweaks_speed.py build/assemble --out docs/results/tweaks_speed.csv
"""

import argparse
import csv
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import machine

# Each with the network that it is beside.
TWEAKS = [("resnet50", tweak) for tweak in ["d", "se", "eca", "sk", "aa3", "bl", "d+eca", "bl+sk+aa3", "bl+eca+aa3"]]
TWEAKS += [("mobilenet_v1", tweak) for tweak in ["se", "se2"]]
COLUMNS = ["network", "beside", "graph", "precision", "images_per_second", "low_10", "high_90", "share_of_beside", "rounds", "side",
           "batch", "machine", "versions", "date", "command"]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def with_stochastic_depth(program, folder):
    run(program, "dataset", "draw", "--quiet", "--out", folder / "data", "--train-per-class", 2, "--validation-per-class", 1)
    run(program, "train", "--quiet", "--data", folder / "data", "--out", folder / "run", "--arch", "resnet50", "--batch-size", 8,
        "--preprocessing", "imagenet_32a", "--max-steps", 1, "--epochs", 1, "--stochastic-depth", 0.1)
    return folder / "run/last.safetensors"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="assemble")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120, help="of all networks together, for a precision and form")
    parser.add_argument("--precisions", nargs="+", default=["f32", "int8"])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = with_stochastic_depth(options.program, pathlib.Path(folder))
        networks = {base: (base, base) for base, _ in TWEAKS}
        networks |= {f"{base}+{tweak}": (f"{base}+{tweak}", base) for base, tweak in TWEAKS}
        networks["resnet50, stochastic depth"] = (str(file), "resnet50")
        for precision in options.precisions:
            measurable = {name: of for name, of in networks.items() if precision != "int8" or of[0] != str(file)}
            first, *others = [f"{written}@{options.side}" for written, _ in measurable.values()]
            for graph, flags in [("deployed", []), ("as written", ["--plain"])]:
                made = json.loads(run(options.program, "benchmark", "--arch", first.split("@")[0], "--image-size", options.side,
                                      "--compare", *others, "--engine", "openvino", "--precision", precision, "--batch",
                                      options.batch, "--seconds", options.seconds, "--no-peak", "--json", *flags))
                rates = dict(zip(measurable, made["compare"], strict=True))
                for name, measured in rates.items():
                    beside = networks[name][1]
                    rate = measured["images_per_second"]
                    rows.append([name, beside, graph, precision, f"{rate:.1f}",
                                 *(f"{bound:.1f}" for bound in measured["images_per_second_10_90"]),
                                 f"{rate / rates[beside]['images_per_second']:.3f}", measured["rounds"], options.side, options.batch,
                                 f"{machine.processor()} ({machine.threads()} threads)", machine.version(options.program),
                                 datetime.date.today().isoformat(), "benchmarks/" + " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])])
                    print(f"{precision} {graph}: {name} {rate:.1f} images/s, {rows[-1][7]} of {beside}", file=sys.stderr)
    with options.out.open("w", newline="", encoding="utf-8") as output:
        csv.writer(output, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
