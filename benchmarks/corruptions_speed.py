# SPDX-License-Identifier: Apache-2.0
"""Milliseconds an image of each corruption: `assemble benchmark corrupt` beside the Python package `imagecorruptions`,
one after the other on the same photos and one core (start it with taskset). Writes a CSV."""
import argparse
import csv
import datetime
import json
import math
import pathlib
import subprocess
import tempfile
import time

import numpy as np

import python_corruptions as peers


def median_milliseconds(function, images, severity, repeats):
    function(images[0], severity)
    times = []
    for _ in range(repeats):
        for image in images:
            start = time.perf_counter()
            peers.as_levels(function(image, severity))
            times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--assemble", default="build/assemble")
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default="docs/results/corruptions_speed.csv")
    options = parser.parse_args()
    images = [peers.crop(path) for path in peers.find_photos(options.photos)[:options.images]]
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "photos").mkdir()
        for i, image in enumerate(images):
            image.save(f"{folder}/photos/{i}.png")
        command = [options.assemble, "benchmark", "corrupt", "--data", folder, "--images", str(len(images)), "--resize",
                   "0", "--crop", "0", "--severities", str(options.severity), "--repeats", "5", "--json"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["milliseconds"]
    functions = peers.package()
    logs = 0.0
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["corruption", "severity", "side", "assemble_ms", "imagecorruptions_ms", "ratio", "machine",
                         "versions", "date", "command"])
        for name in peers.NAMES:
            # Glass blur is a loop over pixels in Python and takes a second an image.
            repeats = 1 if name == "glass_blur" else options.repeats
            theirs = median_milliseconds(functions[name], images, options.severity, repeats)
            ratio = theirs / ours[name]
            logs += math.log(ratio)
            writer.writerow([name, options.severity, 224, f"{ours[name]:.3f}", f"{theirs:.3f}", f"{ratio:.1f}",
                             peers.cpu(), peers.versions(), datetime.date.today().isoformat(), "taskset -c 0 corruptions_speed.py"])
            print(f"{name:20} {ours[name]:8.3f} {theirs:8.3f} {ratio:8.1f}", flush=True)
    print(f"geometric mean of the ratios: {math.exp(logs / len(peers.NAMES)):.1f}")


if __name__ == "__main__":
    main()
