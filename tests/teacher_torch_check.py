# SPDX-License-Identifier: Apache-2.0
"""Exports networks of torchvision and timm with random weights, and compares the logits that `assemble teach` stores with
ONNX Runtime's, whose images torchvision prepares."""

import csv
import datetime
import pathlib
import struct
import subprocess
import sys

import numpy
import onnx
import onnxruntime
import timm
import torch
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize, to_tensor

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "benchmarks"))
from machine import processor, version  # noqa: E402

COMMAND, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
ROWS = []
TOLERANCE = 1e-4  # of the largest logit
CLASSES = 7
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def draw_images(folder):
    """Smooth colours in several sizes, a folder a class."""
    generator = numpy.random.default_rng(1)
    for index in range(2 * CLASSES):
        coarse = generator.integers(0, 256, (5, 6, 3), dtype=numpy.uint8)
        size = (150 + 11 * index, 130 + 17 * (index % 5))
        path = folder / "train" / f"class{index % CLASSES}" / f"image{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)


def randomise(network):
    """Batch norm away from the identity."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and tensor.dim() == 1:
                drawn = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(drawn + 0.5 if name.endswith(("weight", "running_var")) else (drawn - 0.5) * 0.2)
    return network.eval()


class Channels(torch.nn.Module):
    """The network for images [N, S, S, 3] of B, G, R."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images.flip(3).permute(0, 3, 1, 2))


class Softmax(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images).softmax(1)


def prepared(path, size, short_side, interpolation, mean, deviation):
    image = resize(Image.open(path).convert("RGB"), short_side, interpolation)
    image = to_tensor(center_crop(image, size))
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (mean, deviation))
    return ((image - mean) / deviation)[None].numpy()


def read_records(path):
    """Label and logits of each tf.train.Example by file name, by a few fields of the protocol buffers."""
    data = path.read_bytes()
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        yield parse_example(data[position + 12 : position + 12 + length])
        position += 16 + length


def fields(data):
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(data):
        tag = varint()
        assert tag & 7 in (0, 2), tag
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            length = varint()
            yield tag >> 3, data[position : position + length]
            position += length


def parse_example(data):
    features = {}
    for _, entry in fields(next(value for field, value in fields(data) if field == 1)):
        parts = dict(fields(entry))
        kind, content = next(iter(fields(parts[2])))
        if kind in (1, 2):
            features[parts[1].decode()] = next((value for _, value in fields(content)), b"")
    name = features["image/filename"].decode()
    return name, numpy.frombuffer(features["image/logit"], numpy.float32)


def check(name, network, options, size=64, short_side=72, interpolation=InterpolationMode.BILINEAR, opset=17,
          batch="free", mean=MEAN, deviation=DEVIATION, nhwc=False, softmax=False, offset=0):
    model, out = WORK / f"{name}.onnx", WORK / name
    example = torch.zeros(1, size, size, 3) if nhwc else torch.zeros(1, 3, size, size)
    dynamic = {"free": {"x": {0: "n"}, "y": {0: "n"}}, "fixed": None,
               "all": {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n"}}}[batch]
    torch.onnx.export(network, (example,), str(model), input_names=["x"], output_names=["y"], dynamic_axes=dynamic,
                      opset_version=opset, dynamo=False)
    cubic = interpolation == InterpolationMode.BICUBIC
    model.with_suffix(".toml").write_text(
        f'mean = {list(mean)}\ndeviation = {list(deviation)}\nvalue-range = [0, 1]\ncrop = "center"\n'
        f'resize = {short_side}\ninterpolation = "{"bicubic" if cubic else "bilinear"}"\nantialias = true\n'
        f'output = "{"softmax" if softmax else "logits"}"\nlabel-offset = {offset}\n' + options)
    subprocess.run([COMMAND, "teach", "--model", model, "--data", WORK / "data", "--out", out, "--split", "train",
                    "--quiet", "--cache", "", "--label-offset", "0"], check=True, stdout=subprocess.DEVNULL)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    stored = {}
    for record in sorted(out.glob("train-*")):
        stored.update(read_records(record))
    images = sorted((WORK / "data" / "train").glob("*/*.png"))
    assert len(stored) == len(images), (len(stored), len(images))
    largest = difference = 0
    for path in images:
        pixels = prepared(path, size, short_side, interpolation, mean, deviation)
        if nhwc:
            pixels = numpy.ascontiguousarray(pixels.transpose(0, 2, 3, 1)[..., ::-1])
        (expected,) = session.run(["y"], {"x": pixels})
        expected = numpy.log(expected[0, offset:]) if softmax else expected[0, offset:]
        difference = max(difference, numpy.abs(stored[path.name] - expected).max())
        largest = max(largest, numpy.abs(expected).max())
    opset_found = onnx.load(str(model)).opset_import[0].version
    print(f"{name}: operator set {opset_found}, largest difference {difference:.1e} of logits up to {largest:.3g}")
    ROWS.append([name, opset_found, len(images), f"{largest:.4g}", f"{difference:.2e}", f"{difference / largest:.2e}"])
    assert difference <= TOLERANCE * largest, name


draw_images(WORK / "data")
resnet = randomise(torchvision.models.resnet18(weights=None, num_classes=CLASSES))
check("resnet18", resnet, "")
check("resnet18_fixed_batch", resnet, 'layout = "nchw"\n', batch="fixed", opset=9)
check("resnet18_any_size", resnet, "size = 64\n", batch="all")
check("resnet18_nhwc_bgr", Channels(resnet), 'channels = "bgr"\n', nhwc=True)
check("resnet18_softmax", Softmax(resnet), "", softmax=True)
background = randomise(torchvision.models.mobilenet_v2(weights=None, num_classes=CLASSES + 1))
check("mobilenet_v2_background", background, "", offset=1)
for model in ("efficientnet_b0", "mobilenetv3_small_050", "vit_tiny_patch16_224"):
    extra = {"img_size": 64} if model.startswith("vit") else {}
    check(model, randomise(timm.create_model(model, pretrained=False, num_classes=CLASSES, **extra)), "",
          interpolation=InterpolationMode.BICUBIC)
if len(sys.argv) > 3:
    with open(sys.argv[3], "w", newline="") as file:
        packages = ", ".join(f"{package.__name__} {package.__version__}"
                             for package in (torch, torchvision, timm, onnx, onnxruntime))
        file.write(f"# {datetime.date.today()}, {processor()}, {version(COMMAND)}, {packages}\n")
        file.write("# command: ASSEMBLE_TORCH_PYTHON=PYTHON tests/teacher_torch_test.sh FILE.csv\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["teacher", "opset", "images", "largest_logit", "largest_difference", "relative"])
        writer.writerows(ROWS)
