# SPDX-License-Identifier: Apache-2.0
"""Writes a network of Keras as tf2onnx exports it, and beside it a NAME.json of how it is fed, for
foreign_models_check.py. Weights are random."""

import json
import os
import pathlib
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras  # noqa: E402
import numpy  # noqa: E402
import tensorflow  # noqa: E402
import tf2onnx  # noqa: E402

OUT = pathlib.Path(sys.argv[1])
CLASSES, SIZE = 12, 64
BYTES = ["--value-range", "0", "255"]


def randomise(network):
    """Weights for which images differ: those of a fresh network give nearly the same answer to all."""
    generator = numpy.random.default_rng(1)
    for variable in network.weights:
        if len(variable.shape) == 1 and variable.shape[0] > 3:  # not the means of an image's channels
            drawn = generator.random(tuple(variable.shape))
            positive = variable.name.endswith(("gamma", "moving_variance")) or "scale" in variable.name
            variable.assign(drawn + 0.5 if positive else (drawn - 0.5) * 0.2)
    head = next(layer for layer in reversed(network.layers) if hasattr(layer, "kernel")).kernel
    head.assign(generator.standard_normal(tuple(head.shape)) * 0.1)
    return network


def export(name, network, options, values, softmax, opset=15):
    signature = (tensorflow.TensorSpec((None, SIZE, SIZE, 3), tensorflow.float32, name="x"),)
    function = tensorflow.function(lambda x: network(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, input_signature=signature, opset=opset, output_path=str(OUT / f"{name}.onnx"))
    (OUT / f"{name}.json").write_text(json.dumps(
        {"options": options, "size": SIZE, "resize": int(SIZE / 0.875), "crop": "center", "interpolation": "bilinear",
         "range": values, "mean": [0, 0, 0], "deviation": [1, 1, 1], "layout": "nhwc", "softmax": softmax, "output": None}))


applications = keras.applications
shape = {"weights": None, "classes": CLASSES, "input_shape": (SIZE, SIZE, 3)}
export("keras_mobilenetv3", randomise(applications.MobileNetV3Small(**shape)), BYTES, [0, 255], True)
