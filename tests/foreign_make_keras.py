# SPDX-License-Identifier: Apache-2.0
"""Writes networks of Keras as tf2onnx exports them, and beside each a NAME.json of how it is fed, for
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
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def randomise(network, head_deviation=0.1):
    """Weights for which images differ: those of a fresh network give nearly the same answer to all."""
    generator = numpy.random.default_rng(1)
    for variable in network.weights:
        if len(variable.shape) == 1 and variable.shape[0] > 3:  # not the means of an image's channels
            drawn = generator.random(tuple(variable.shape))
            positive = variable.name.endswith(("gamma", "moving_variance")) or "scale" in variable.name
            variable.assign(drawn + 0.5 if positive else (drawn - 0.5) * 0.2)
    head = next(layer for layer in reversed(network.layers) if hasattr(layer, "kernel")).kernel
    head.assign(generator.standard_normal(tuple(head.shape)) * head_deviation)
    return network


def export(name, network, options, softmax, values=(0, 255), mean=(0, 0, 0), deviation=(1, 1, 1), opset=15):
    signature = (tensorflow.TensorSpec((None, SIZE, SIZE, 3), tensorflow.float32, name="x"),)
    function = tensorflow.function(lambda x: network(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, input_signature=signature, opset=opset, output_path=str(OUT / f"{name}.onnx"))
    (OUT / f"{name}.json").write_text(json.dumps(
        {"options": options, "size": SIZE, "resize": int(SIZE / 0.875), "crop": "center", "interpolation": "bilinear",
         "range": values, "mean": mean, "deviation": deviation, "layout": "nhwc", "softmax": softmax, "output": None}))


applications = keras.applications
shape = {"weights": None, "classes": CLASSES, "input_shape": (SIZE, SIZE, 3)}
export("keras_mobilenetv3", randomise(applications.MobileNetV3Small(**shape)), BYTES, True)
# Its own preprocessing would become inputs without values.
export("keras_efficientnet", randomise(applications.EfficientNetV2B0(include_preprocessing=False, **shape), 0.01),
       ["--value-range", "0", "1", "--input-mean", *map(str, MEAN), "--input-deviation", *map(str, DEVIATION)], True, (0, 1),
       MEAN, DEVIATION)
