#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Retrieval of classes that training never saw, by the loss that the network was trained with.

Draws a zero-shot set (`assemble dataset draw --zero-shot`: four textured shapes to train on, the other four pairs of
shape and texture to search among) and trains the same small network with softmax, cosine-softmax and ArcFace, with
several seeds each. Of each run the last epoch counts: the best of many evaluations would be chosen on the images that
are measured. Each network is measured again in 8 bits (`export --int8 --embedding`), its ranges from training images.
Python alone, some minutes on two cores.

  benchmarks/retrieval.py build/assemble [--csv docs/results/retrieval.csv] [--seeds 3] [--epochs 20] [--threads N]
"""
import argparse
import csv
import datetime
import json
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

from machine import processor, threads, version

LOSSES = {
    "softmax": ["--loss", "softmax"],
    "cosine": ["--loss", "cosine", "--cosine-scale", "16"],
    "arcface": ["--loss", "arcface", "--cosine-scale", "8", "--arcface-margin", "0.1"],
}
DRAWING = ["--zero-shot", "--train-per-class", "160", "--validation-per-class", "60", "--side", "64", "--seed", "1"]
RECIPE = ["--arch", "resnet50+gem+emb64+w8", "--batch-size", "32", "--lr", "0.05", "--warmup-epochs", "2",
          "--weight-decay", "5e-4", "--bn-momentum", "0.9", "--zero-gamma", "--preprocessing", "imagenet_64a",
          "--min-area", "0.4", "--validation-metric", "recall@1", "--eval-every", "1000"]
MEASURES = ["recall@1", "recall@2", "recall@4", "recall@8", "map@r"]


def run(program, *arguments):
    result = subprocess.run([program, *arguments, "--json", "--quiet"], stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


def recall_in_8_bits(program, data, out):
    onnx = str(pathlib.Path(out, "int8.onnx"))
    run(program, "export", "--model", str(pathlib.Path(out, "last.safetensors")), "--out", onnx, "--int8", "--embedding",
        "--calibration", str(pathlib.Path(data, "train")))
    return run(program, "eval", "--model", onnx, "--data", data, "--retrieval")["recall@1"]


def measure(program, seeds, epochs, threads):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = str(pathlib.Path(folder, "drawn"))
        run(program, "dataset", "draw", "--out", data, *DRAWING)
        for seed in range(seeds):
            for loss, options in LOSSES.items():
                out = str(pathlib.Path(folder, f"{loss}-{seed}"))
                trained = run(program, "train", "--data", data, "--out", out, "--seed", str(seed),
                              "--epochs", str(epochs), "--threads", str(threads), *RECIPE, *options)
                rows.append({"loss": loss, "seed": seed, "epochs": epochs,
                             **{name: f"{trained[name]:.4f}" for name in MEASURES},
                             "recall@1 int8": f"{recall_in_8_bits(program, data, out):.4f}"})
                print(rows[-1], file=sys.stderr)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--csv")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0, help="of training; 0: every core")
    options = parser.parse_args()
    rows = measure(options.program, options.seeds, options.epochs, options.threads)
    for loss in LOSSES:
        values = [float(row["recall@1"]) for row in rows if row["loss"] == loss]
        spread = statistics.stdev(values) if len(values) > 1 else 0
        print(f"{loss}: recall@1 {100 * statistics.mean(values):.1f} % ± {100 * spread:.1f} ({len(values)} seeds)")
    if not options.csv:
        return
    with open(options.csv, "w", newline="") as file:
        file.write(f"# {datetime.date.today()}, {processor()}, {threads()} threads, {version(options.program)}\n")
        file.write(f"# command: benchmarks/retrieval.py {' '.join(map(shlex.quote, sys.argv[1:]))}\n")
        file.write(f"# each: assemble train {' '.join(RECIPE)} --loss LOSS --epochs EPOCHS --seed SEED, on what "
                   f"assemble dataset draw {' '.join(DRAWING)} draws; last epoch\n")
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
