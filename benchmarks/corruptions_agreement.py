# SPDX-License-Identifier: Apache-2.0
"""Compares `assemble corrupt` with ImageNet-C's own generator on photos and writes a CSV.

Deterministic corruptions: mean absolute difference, in levels of 255. The others: mean and deviation of all values, and
mean PSNR against the clean image, of the two sets made with different random numbers.
"""
import argparse
import csv
import datetime
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import python_corruptions as peers

FIELDS = ["corruption", "severity", "images", "mean_absolute_difference", "largest_of_an_image", "mean", "mean_python",
          "mean_percent", "deviation", "deviation_python", "deviation_percent", "psnr", "psnr_python", "psnr_percent",
          "machine", "versions", "date", "command"]


def psnr(image, clean):
    return 10 * np.log10(255**2 / max(np.mean((image.astype(np.float64) - clean) ** 2), 1e-9))


class Measures:
    def __init__(self):
        self.count = self.sum = self.squares = 0.0
        self.psnrs = []

    def add(self, image, clean):
        values = image.astype(np.float64)
        self.count += values.size
        self.sum += values.sum()
        self.squares += (values**2).sum()
        self.psnrs.append(psnr(image, clean))

    def result(self):
        mean = self.sum / self.count
        return {"mean": mean, "deviation": (self.squares / self.count - mean**2) ** 0.5, "psnr": np.mean(self.psnrs)}


def percent(ours, theirs):
    return 100 * (ours / theirs - 1)


class Comparison:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.photos = peers.find_photos(options.photos)
        self.clean = []
        for i, path in enumerate(self.photos):
            image = peers.crop(path)
            (folder / "clean/photos").mkdir(parents=True, exist_ok=True)
            image.save(folder / f"clean/photos/{i:04d}.png")
            self.clean.append(np.asarray(image))
        self.functions = peers.published(options.generator)

    def corrupt(self, name, seed, frost):
        out = self.folder / f"out-{name}-{seed}-{'photographs' if frost else 'drawn'}"
        command = [self.options.assemble, "corrupt", "--data", self.folder / "clean", "--out", out, "--resize", "0",
                   "--crop", "0", "--format", "png", "--corruptions", name, "--seed", seed, "--quiet"]
        if frost:
            command += ["--frost-dir", self.options.frost_dir]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        return out / name

    def compare(self, name, drawn_frost=False):
        deterministic = name in peers.DETERMINISTIC
        pairs = len(self.photos) if deterministic else max(self.options.pairs, len(self.photos))
        seeds = -(-pairs // len(self.photos))
        folders = [self.corrupt(name, seed, not drawn_frost) for seed in range(seeds)]
        for severity in range(1, 6):
            ours, theirs, differences = Measures(), Measures(), []
            np.random.seed(severity)
            for pair in range(pairs):
                index = pair % len(self.photos)
                clean = self.clean[index]
                image = np.asarray(Image.open(folders[pair // len(self.photos)] / f"{severity}/photos/{index:04d}.png"))
                python = peers.as_levels(self.functions[name](Image.fromarray(clean), severity))
                ours.add(image, clean)
                theirs.add(python, clean)
                differences.append(np.mean(np.abs(image.astype(int) - python.astype(int))))
            yield self.row(name + ("_drawn" if drawn_frost else ""), severity, pairs, ours.result(), theirs.result(),
                           differences if deterministic else None)
        for folder in folders:
            shutil.rmtree(folder.parent)

    def row(self, name, severity, pairs, ours, theirs, differences):
        row = {"corruption": name, "severity": severity, "images": pairs, "machine": peers.cpu(),
               "versions": peers.versions(), "date": datetime.date.today().isoformat(), "command": "corruptions_agreement.py"}
        if differences is not None:
            row["mean_absolute_difference"] = f"{np.mean(differences):.4f}"
            row["largest_of_an_image"] = f"{np.max(differences):.4f}"
        for key in ("mean", "deviation", "psnr"):
            row[key] = f"{ours[key]:.3f}"
            row[key + "_python"] = f"{theirs[key]:.3f}"
            row[key + "_percent"] = f"{percent(ours[key], theirs[key]):.2f}"
        return row


def read_rows(path):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", required=True, help="make_imagenet_c.py")
    parser.add_argument("--frost-dir", required=True, help="the generator's photographs of frost")
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--assemble", default="build/assemble")
    parser.add_argument("--out", default="docs/results/corruptions_agreement.csv")
    parser.add_argument("--corruptions", nargs="*", default=peers.NAMES, help="measure these again, keep other rows")
    parser.add_argument("--pairs", type=int, default=60, help="images and seeds a random corruption")
    options = parser.parse_args()
    options.assemble = str(pathlib.Path(options.assemble).resolve())
    options.frost_dir = str(pathlib.Path(options.frost_dir).resolve())
    out = pathlib.Path(options.out).resolve()
    rows = [row for row in read_rows(out) if row["corruption"].removesuffix("_drawn") not in options.corruptions]
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, pathlib.Path(folder))
        peers.os.chdir(options.frost_dir)  # where the generator looks for them
        for name in options.corruptions:
            for drawn in [False, True] if name == "frost" else [False]:
                for row in comparison.compare(name, drawn):
                    rows.append(row)
                    print(*(row.get(key, "") for key in FIELDS[:14]), file=sys.stderr, flush=True)
    rows.sort(key=lambda row: (peers.NAMES.index(row["corruption"].removesuffix("_drawn")), row["corruption"],
                               int(row["severity"])))
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
