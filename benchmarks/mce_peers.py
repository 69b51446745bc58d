# SPDX-License-Identifier: Apache-2.0
"""Wall time of a network's mCE: `assemble robustness c` beside the usual way in Python, which corrupts with the package
`imagecorruptions` and classifies with ONNX Runtime, on the same photos and as many cores, in one run.

In Python as many processes as cores corrupt photos, and ONNX Runtime classifies what they bring with all cores. Both take
19 corruptions of five severities. The loop in Python takes long, so --python-images says how many of the photos it gets;
the rates of both are compared.

  benchmarks/mce_peers.py --model MODEL.safetensors --data PHOTOS --images 1000 --python-images 100 --csv FILE

PHOTOS has a folder a class, those of the model; `assemble export` makes ONNX Runtime's file.
"""
import argparse
import csv
import datetime
import json
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime

import python_corruptions as peers


def choose(folder, count):
    """Photos of all classes in turn, and the same again where there are fewer, each with the number of its class."""
    classes = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir())
    shelves = [peers.find_photos(path) for path in classes]
    photos = [(shelf[row], label) for row in range(max(map(len, shelves)))
              for label, shelf in enumerate(shelves) if row < len(shelf)]
    return [photos[i % len(photos)] for i in range(count)], [path.name for path in classes]


def corrupted(job):
    """The five severities of one corruption of one photo, [5, 224, 224, 3] uint8."""
    path, name = job
    image, function = peers.crop(path), peers.package()[name]
    return np.stack([peers.as_levels(function(image, severity)) for severity in range(1, 6)])


def python_way(onnx, photos, cores):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    preprocessing = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])
    mean, deviation = (np.float32(preprocessing[key]) for key in ("mean", "deviation"))
    errors = {}
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        for name in peers.NAMES:
            wrong = 0
            jobs = [(photo, name) for photo, _ in photos]
            for (_, label), images in zip(photos, pool.imap(corrupted, jobs, chunksize=4)):
                fed = ((images - mean) / deviation).transpose(0, 3, 1, 2)
                answers = session.run(None, {feed: np.ascontiguousarray(fed)})[0].argmax(1)
                wrong += int((answers != label).sum())
            errors[name] = wrong / (5 * len(photos))
            print(f"{name:20} error {100 * errors[name]:5.1f} %, {time.perf_counter() - start:.0f} s", flush=True)
    return time.perf_counter() - start, errors


def store(photos, names, folder):
    for i, (photo, label) in enumerate(photos):
        target = folder / "validation" / names[label] / f"{i:05d}{photo.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)


def assemble_way(arguments, precision, cores, data, out):
    start = time.perf_counter()
    subprocess.run([arguments.assemble, "robustness", "c", "--model", arguments.model, "--data", str(data), "--out", str(out),
                    "--precision", precision, "--batch-size", str(arguments.batch_size), "--threads", str(cores),
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    return seconds, json.loads((out / "result.json").read_text())["unnormalised_mce_19"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--python-images", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32, help="of assemble; the loop in Python has batches of 5")
    parser.add_argument("--precisions", nargs="+", default=["f32"])
    parser.add_argument("--assemble", default="build/assemble")
    parser.add_argument("--csv")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    photos, names = choose(arguments.data, arguments.images)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        store(photos, names, folder / "data")
        for precision in arguments.precisions:
            seconds, error = assemble_way(arguments, precision, cores, folder / "data", folder / precision)
            found.append((f"assemble robustness c, {precision}", arguments.images, seconds, error))
        onnx = str(folder / "model.onnx")
        subprocess.run([arguments.assemble, "export", "--model", arguments.model, "--out", onnx, "--quiet"], check=True)
        seconds, errors = python_way(onnx, photos[:arguments.python_images], cores)
        found.append(("imagecorruptions and ONNX Runtime, f32", arguments.python_images, seconds,
                      100 * statistics.mean(errors.values())))
    rates = [95 * count / seconds for _, count, seconds, _ in found]
    columns = ["way", "photos", "corrupted_images", "seconds", "images_per_second", "ratio", "mean_error_percent", "machine",
               "versions", "date", "command"]
    versions = f"{peers.versions()}; onnxruntime {onnxruntime.__version__}"
    command = (f"benchmarks/mce_peers.py --model MODEL --data PHOTOS --images {arguments.images} --python-images "
               f"{arguments.python_images} --batch-size {arguments.batch_size} --precisions {' '.join(arguments.precisions)}")
    rows = [[way, count, 95 * count, f"{seconds:.1f}", f"{rate:.0f}", f"{rate / rates[-1]:.2f}", f"{error:.2f}", peers.cpu(),
             versions, datetime.date.today().isoformat(), command] for (way, count, seconds, error), rate in zip(found, rates)]
    for row in rows:
        print(*row[:7], sep="  ")
    if arguments.csv:
        with open(arguments.csv, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])


if __name__ == "__main__":
    main()
