# SPDX-License-Identifier: Apache-2.0
"""8 bits of a network that PyTorch exported: ours beside NNCF's, of the same file, calibrated on the same images.

    ASSEMBLE_DATA=../shared/data PYTHON benchmarks/foreign_int8.py build/assemble NETWORKS OUT.csv

NETWORKS is a folder that tests/foreign_make_torch.py filled (torch_mobilenetv3_trained.onnx). PYTHON has nncf, onnx,
onnxruntime, safetensors and numpy."""

import csv
import datetime
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import nncf
import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

from machine import processor, threads, version

COMMAND, NETWORKS, OUT = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
PHOTOS = pathlib.Path(os.environ.get("ASSEMBLE_DATA", "../shared/data")) / "flowers12"
NAME = "torch_mobilenetv3_trained"
CALIBRATION = 300
SECONDS = 20


def assemble(*arguments):
    done = subprocess.run([COMMAND, *map(str, arguments), "--json", "--quiet"], stdout=subprocess.PIPE, text=True,
                          check=True)
    return json.loads(done.stdout)


def seen_by_network(images, model, work):
    """What the network gets of each image, as assemble makes it: NCHW."""
    assemble("preprocess", "--model", model, *images, "--out", work / "seen.safetensors")
    return [values.transpose(2, 0, 1)[None] for values in load_file(work / "seen.safetensors").values()]


def agreement(first, second, inputs):
    """Share of images for which two runs of a file pick the same class, and the largest difference."""
    same = largest = 0
    for values in inputs:
        a, b = first(values), second(values)
        same += int(a.argmax() == b.argmax())
        largest = max(largest, float(numpy.abs(a - b).max() / numpy.abs(a).max()))
    return same / len(inputs), largest


def by_onnxruntime(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def by_openvino(path):
    import openvino
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda values: compiled(values)[0]


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    model, names = work / "network.onnx", work / "classes.txt"
    shutil.copy(NETWORKS / f"{NAME}.onnx", model)
    shutil.copy(NETWORKS / "flowers12.txt", names)
    model.with_suffix(".toml").write_text('classes = "classes.txt"\n')
    photos = sorted((PHOTOS / "train").glob("*/*"))
    random.Random(1).shuffle(photos)
    chosen = work / "chosen"
    for index, path in enumerate(photos[:CALIBRATION]):
        (chosen / "all").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, chosen / "all" / f"{index:04}{path.suffix}")
    ours, theirs = work / "ours.onnx", work / "nncf.onnx"
    assemble("export", "--model", model, "--out", ours, "--int8", "--calibration", chosen, "--calibration-images", 0)
    inputs = seen_by_network(sorted((chosen / "all").iterdir()), model, work)
    graph = onnx.load(str(model))
    name = graph.graph.input[0].name
    quantised = nncf.quantize(graph, nncf.Dataset(inputs, lambda values: {name: values}), subset_size=len(inputs))
    onnx.save(quantised, str(theirs))
    shutil.copy(model.with_suffix(".toml"), theirs.with_suffix(".toml"))
    rates = assemble("benchmark", "--model", model, "--compare", ours, theirs, "--batch", 8, "--seconds", SECONDS,
                     "--no-peak")["compare"]
    held_out = seen_by_network(sorted((PHOTOS / "test").glob("*/*")), model, work)
    rows = []
    for path, rate in zip((model, ours, theirs), rates):
        result = assemble("eval", "--model", path, "--data", PHOTOS)
        same, largest = agreement(by_onnxruntime(path), by_openvino(path), held_out)
        rows.append([path.stem, path.stat().st_size, f"{100 * result['top1']:.2f}", f"{result['loss']:.4f}",
                     f"{rate['images_per_second']:.1f}", f"{rate['ratio']:.3f}", f"{100 * same:.1f}", f"{largest:.4f}"])
        print(*rows[-1])
    with open(OUT, "w", newline="") as file:
        packages = ", ".join(f"{package.__name__} {package.__version__}" for package in (nncf, onnx, onnxruntime))
        file.write(f"# {datetime.date.today()}, {processor()}, {threads()} threads, {version(COMMAND)}, {packages}\n")
        file.write("# command: PYTHON benchmarks/foreign_int8.py build/assemble NETWORKS FILE.csv\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "bytes", "top1_percent", "loss", "images_per_second", "ratio",
                         "same_class_in_onnxruntime_percent", "largest_difference_to_onnxruntime"])
        writer.writerows(rows)


main()
