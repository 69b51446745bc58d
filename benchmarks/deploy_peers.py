# SPDX-License-Identifier: Apache-2.0
"""What `assemble benchmark --compare` and this script compare deployed networks with.

    deploy_peers.py make MODEL.safetensors OUT    writes the network as one would with PyTorch: OUT.xml (OpenVINO) and
                                                  OUT-nncf.xml (8 bits by NNCF, ranges from noise: for speed alone)
    deploy_peers.py draw OUT.safetensors ARCH     writes a model file with random weights (resnet50 or the assembled one)
    deploy_peers.py latency MODEL ONNX XML [ROUNDS [SECONDS]]
                                                  one image at a time, in blocks of SECONDS that take turns: build/assemble
                                                  on MODEL, ONNX Runtime and OpenVINO on the .onnx file of
                                                  `assemble export`, OpenVINO on the .xml file
    deploy_peers.py memory ENGINE FILE            one image in a fresh process, and its largest resident memory

Needs torch, safetensors, numpy, openvino, nncf and onnxruntime. The network is written here plainly, with the names of
assemble's weights: batch norms, one convolution for both paths of a selective kernel, split, softmax.
"""

import functools
import json
import resource
import subprocess
import sys
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

ASSEMBLED = "resnet50+bl+sk+aa3"
BLOCKS = [3, 4, 6, 3]


class SelectiveKernel(nn.Module):
    def __init__(self, filters):
        super().__init__()
        reduced = max(filters // 2, 32)
        self.filters = filters
        self.conv = nn.Conv2d(filters, 2 * filters, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(2 * filters)
        self.fc_reduce = nn.Conv2d(filters, reduced, 1, bias=False)
        self.fc_bn = nn.BatchNorm2d(reduced)
        self.fc_select = nn.Conv2d(reduced, 2 * filters, 1, bias=False)

    def forward(self, x):
        a, b = torch.relu(self.bn(self.conv(x))).chunk(2, 1)
        code = torch.relu(self.fc_bn(self.fc_reduce((a + b).mean((2, 3), keepdim=True))))
        weights = self.fc_select(code).reshape(-1, 2, self.filters, 1, 1).softmax(1)
        return a * weights[:, 0] + b * weights[:, 1]


class Blur(nn.Module):
    def __init__(self, channels):
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        self.channels = channels
        self.register_buffer("filter", torch.outer(row, row).expand(channels, 1, 3, 3).clone(), persistent=False)

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filter, stride=2, groups=self.channels)


class Shortcut(nn.Module):
    def __init__(self, inputs, outputs, stride, big_little):
        super().__init__()
        self.pool_stride = stride if big_little else 1
        self.add_module("0", nn.Conv2d(inputs, outputs, 1, stride=1 if big_little else stride, bias=False))
        self.add_module("1", nn.BatchNorm2d(outputs))

    def forward(self, x):
        if self.pool_stride > 1:
            x = F.avg_pool2d(x, 3, self.pool_stride, 1)
        return getattr(self, "1")(getattr(self, "0")(x))


class Block(nn.Module):
    def __init__(self, inputs, filters, stride, first, assembled, last_relu=True):
        super().__init__()
        self.assembled, self.last_relu = assembled, last_relu
        self.conv1 = nn.Conv2d(inputs, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        if assembled:
            self.conv2 = SelectiveKernel(filters)
        else:
            self.conv2 = nn.Conv2d(filters, filters, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)
        self.blur = Blur(filters) if assembled and stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(filters, 4 * filters, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * filters)
        self.downsample = Shortcut(inputs, 4 * filters, stride, assembled) if first else nn.Identity()

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.blur(self.conv2(y) if self.assembled else torch.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return torch.relu(y) if self.last_relu else y


def stack(inputs, filters, stride, blocks, assembled, last_relu=True):
    return nn.Sequential(*[
        Block(inputs if i == 0 else 4 * filters, filters, stride if i == 0 else 1, i == 0, assembled,
              i == 0 or i + 1 < blocks or last_relu) for i in range(blocks)])


def conv_bn(inputs, outputs, kernel, stride, relu):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class Stem(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.big = conv_bn(width, width, 3, 2, False)
        self.little = nn.Sequential(conv_bn(width, width // 2, 3, 1, True), conv_bn(width // 2, width // 2, 3, 2, True),
                                    conv_bn(width // 2, width, 1, 1, False))
        self.merge = conv_bn(width, width, 1, 1, True)

    def forward(self, x):
        return self.merge(torch.relu(self.big(x) + self.little(x)))


class BigLittle(nn.Module):
    def __init__(self, inputs, filters, blocks, merge_stride):
        super().__init__()
        self.big = stack(inputs, filters, 2, blocks - 1, True, last_relu=False)
        self.little = stack(inputs, filters // 2, 1, max(1, blocks // 4 - 1), True)
        self.expand = conv_bn(2 * filters, 4 * filters, 1, 1, False)
        self.merge = Block(4 * filters, filters, merge_stride, True, True)

    def forward(self, x):
        big = F.interpolate(self.big(x), scale_factor=2, mode="nearest")
        return self.merge(torch.relu(big + self.expand(self.little(x))))


class Network(nn.Module):
    def __init__(self, assembled, classes, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.stem = Stem(width) if assembled else None
        channels = width
        for stage in range(4):
            filters, blocks = width << stage, BLOCKS[stage]
            if assembled and stage < 3:
                module = BigLittle(channels, filters, blocks, 2 if stage < 2 else 1)
            else:
                module = stack(channels, filters, 1 if stage == 0 else 2, blocks, assembled)
            self.add_module(f"layer{stage + 1}", module)
            channels = 4 * filters
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        if self.stem is not None:
            x = self.stem(x)
        else:
            x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=float("-inf")), 3, 2)
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def network_of(arch, classes):
    if arch not in ("resnet50", ASSEMBLED):
        sys.exit(f"{arch} is not written here: resnet50 or {ASSEMBLED}")
    return Network(arch == ASSEMBLED, classes).eval()


def draw(path, arch):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = network_of(arch, 1000).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            module.momentum = 1.0
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    with torch.no_grad():
        network(torch.randn(8, 3, 128, 128))
    size = 256 if arch == ASSEMBLED else 224
    preprocessing = {"train_size": size, "eval_size": size, "eval_resize": size * 256 // 224,
                     "mean": [123.68, 116.78, 103.94], "deviation": [1, 1, 1], "apply_exif_orientation": False,
                     "antialias": False}
    metadata = {"format": "assemble", "format_version": "1", "arch": arch, "loss": "softmax", "training": "{}",
                "class_names": json.dumps([f"class {i}" for i in range(1000)]),
                "preprocessing": json.dumps(preprocessing)}
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    save_file(weights, path, metadata)


def make(model, out):
    import nncf
    import openvino
    from safetensors import safe_open

    with safe_open(model, "pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    size = json.loads(metadata["preprocessing"])["eval_size"]
    network = network_of(metadata["arch"], len(json.loads(metadata["class_names"])))
    network.load_state_dict(weights, strict=False)
    shape = [8, 3, size, size]
    plain = openvino.convert_model(network, example_input=torch.randn(shape), input=[("images", shape)])
    openvino.save_model(plain, f"{out}.xml", compress_to_fp16=False)
    noise = nncf.Dataset([60 * numpy.random.randn(*shape).astype(numpy.float32) for _ in range(2)])
    quantised = nncf.quantize(plain, noise, preset=nncf.QuantizationPreset.PERFORMANCE, subset_size=2)
    openvino.save_model(quantised, f"{out}-nncf.xml", compress_to_fp16=False)


def openvino_runner(path, precision):
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    shape = model.inputs[0].get_partial_shape()
    shape[0] = 1
    model.reshape(shape)
    compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2,
                                                 "INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()
    images = numpy.random.randn(*model.inputs[0].shape).astype(numpy.float32)
    return lambda: request.infer({0: images})


def onnxruntime_runner(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    shape = [1, *session.get_inputs()[0].shape[1:]]
    images = numpy.random.randn(*shape).astype(numpy.float32)
    return lambda: session.run(None, {session.get_inputs()[0].name: images})


def block_of(run, seconds):
    """Median milliseconds of runs one after another, after some that nobody counts."""
    for _ in range(3):
        run()
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return numpy.median(times)


def assemble_block(model, seconds):
    command = ["build/assemble", "benchmark", "--model", model, "--batch", "1", "--seconds", str(seconds), "--no-peak",
               "--json", "--quiet"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["latency_ms"]["p50"]


def latency(model, onnx, xml, rounds=5, seconds=1.0):
    runners = {"ONNX Runtime, exported": onnxruntime_runner(onnx), "OpenVINO, exported": openvino_runner(onnx, "f32"),
               "OpenVINO, plain": openvino_runner(xml, "f32")}
    blocks = {name: functools.partial(block_of, run, seconds) for name, run in runners.items()}
    blocks["assemble"] = functools.partial(assemble_block, model, seconds)
    times = {name: [] for name in blocks}
    for _ in range(int(rounds)):
        for name, block in blocks.items():
            time.sleep(0.3)  # ONNX Runtime's threads spin for a while after a run
            times[name].append(block())
    for name, values in times.items():
        print(f"{name}: {numpy.median(values):.2f} ms (rounds {min(values):.2f} to {max(values):.2f})")


def memory(engine, path):
    run = onnxruntime_runner(path) if engine == "onnxruntime" else openvino_runner(path, "f32")
    for _ in range(5):
        run()
    print(f"{engine} {path}: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    commands = {"make": make, "draw": draw, "latency": latency, "memory": memory}
    if len(sys.argv) < 4 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
