# SPDX-License-Identifier: Apache-2.0
"""Moves a trained network to TensorFlow and back, and compares every value."""

import json
import os
import pathlib
import subprocess
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

COMMAND, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
MODEL = WORK / "run/last.safetensors"
ARCH = "resnet50+bl+sk+se+w4+aa3"


def convert(source, target, *options):
    command = [COMMAND, "convert", str(source), str(target), *options, "--quiet", "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def same_weights(path):
    before, after = load_file(MODEL), load_file(path)
    assert before.keys() == after.keys()
    for name in before:
        assert np.array_equal(before[name], after[name]), name


def write_in_shards(prefix, tensors, count):
    """A checkpoint of several data files, as a distributed job leaves it."""
    names = sorted(tensors)
    parts = []
    for shard in range(count):
        part = f"{prefix}_part{shard}"
        mine = names[shard::count]
        tf.raw_ops.SaveV2(prefix=part, tensor_names=mine, shape_and_slices=[""] * len(mine),
                          tensors=[tf.constant(tensors[name]) for name in mine])
        parts.append(part)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=prefix, delete_old_dirs=False)


exported = WORK / "exported/model.ckpt-3"
convert(MODEL, exported, "--to", "tensorflow")
assert tf.train.latest_checkpoint(str(WORK / "exported")) == str(exported)
reader = tf.train.load_checkpoint(str(WORK / "exported"))
shapes = reader.get_variable_to_shape_map()
tensors = {name: reader.get_tensor(name) for name in shapes}
assert tensors.pop("global_step") == 0
weights = load_file(MODEL)
assert len(tensors) == len(weights)
assert np.array_equal(tensors["resnet_model/dense/kernel"], weights["fc.weight"].T)
kernel = tensors["resnet_model/stage0/conv2d/kernel"]
assert np.array_equal(kernel, weights["conv1.weight"].transpose(2, 3, 1, 0))
same = convert(exported, WORK / "back.safetensors", "--arch", ARCH)
assert same["missing"] == same["unexpected"] == same["misshaped"] == []
same_weights(WORK / "back.safetensors")

state = dict(tensors)
state["global_step"] = np.int64(41)
for name, value in tensors.items():
    if not name.split("/")[-1].startswith("moving_"):
        state[name + "/Momentum"] = np.ones_like(value)
        state[name + "/ExponentialMovingAverage"] = value + 1
write_in_shards(str(WORK / "sharded.ckpt-41"), state, 3)
assert len(list(WORK.glob("sharded.ckpt-41.data-*-of-00003"))) == 3
report = convert(WORK / "sharded.ckpt-41.index", WORK / "sharded.safetensors")
assert report["arch"] == "resnet50+bl+se+sk+w4", report["arch"]
assert "global step 41" in report["notes"], report["notes"]
assert any("'Momentum'" in note for note in report["notes"]), report["notes"]
same_weights(WORK / "sharded.safetensors")
convert(WORK / "sharded.ckpt-41", WORK / "averaged.safetensors", "--ema")
averaged = load_file(WORK / "averaged.safetensors")
assert np.array_equal(averaged["fc.bias"], weights["fc.bias"] + 1)
assert np.array_equal(averaged["bn1.running_mean"], weights["bn1.running_mean"])
print(f"TensorFlow {tf.__version__} reads what convert writes ({len(tensors)} variables), and convert its 3 data files")
