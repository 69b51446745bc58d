# SPDX-License-Identifier: Apache-2.0
"""Checks .onnx files with onnx.checker and compares ONNX Runtime's logits with those beside each file.

Usage: onnx_check.py FOLDER   with NAME.onnx, NAME.images and NAME.logits (f32, [2, 3, 64, 64] and [2, classes])
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime

# 8-bit sums are rounded at other places by other engines: their difference is noise, of which the mean square counts.
LIMITS = {"f32": 1e-4, "int8": 0.2}


def relative_difference(logits, expected, kind):
    size = numpy.linalg.norm if kind == "int8" else lambda values: numpy.abs(values).max()
    return size(logits - expected) / size(expected)


failed = False
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(str(path), full_check=True)
    images = numpy.fromfile(path.with_suffix(".images"), numpy.float32).reshape(2, 3, 64, 64)
    expected = numpy.fromfile(path.with_suffix(".logits"), numpy.float32).reshape(2, -1)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images})
    kind = path.stem.split("_")[1]
    difference, limit = relative_difference(logits, expected, kind), LIMITS[kind]
    print(f"{path.name}: relative difference {difference:.2e}, limit {limit}")
    failed |= not difference <= limit
sys.exit(failed)
