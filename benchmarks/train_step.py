# SPDX-License-Identifier: Apache-2.0
"""Training step beside Python PyTorch, eager and compiled: the same networks, batch and optimizer, in turns in one run.

Needs `pip install torch==2.11.0`, and a C++ compiler for torch.compile. Usage:
  python benchmarks/train_step.py build/benchmarks/assemble_train_step --rounds 3 --csv docs/results/train_step.csv
"""

import argparse
import csv
import json
import platform
import statistics
import subprocess
import sys
import time
from datetime import date

import torch
import torch.nn.functional as F
from torch import nn

ARCHS = ["resnet50", "resnet50+bl+sk+aa3"]
CLASSES = 1000
PYTHON_WAYS = ["eager", "torch.compile"]


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)


def conv_bn(inputs, outputs, kernel, stride=1, relu=False):
    layers = [conv(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class BlurPool(nn.Module):
    def __init__(self, channels):
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.channels = channels
        self.register_buffer("filter", torch.outer(row, row).expand(channels, 1, 3, 3).contiguous())

    def forward(self, x):
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.filter.to(padded.dtype), stride=2, groups=self.channels)


class SelectiveKernel(nn.Module):
    def __init__(self, filters, stride):
        super().__init__()
        reduced = max(filters // 2, 32)
        self.conv = conv_bn(filters, 2 * filters, 3, stride, relu=True)
        self.reduce = conv_bn(filters, reduced, 1, relu=True)
        self.select = conv(reduced, 2 * filters, 1)

    def forward(self, x):
        a, b = self.conv(x).chunk(2, 1)
        attention = self.select(self.reduce((a + b).mean((2, 3), keepdim=True)))
        weights = torch.stack(attention.chunk(2, 1)).softmax(0)
        return a * weights[0] + b * weights[1]


class Bottleneck(nn.Module):
    def __init__(self, inputs, filters, stride, project, assembled, last_relu=True):
        super().__init__()
        blurred = assembled and stride > 1
        inner_stride = 1 if blurred else stride
        self.conv1 = conv_bn(inputs, filters, 1, relu=True)
        middle = SelectiveKernel(filters, inner_stride) if assembled else conv_bn(filters, filters, 3, inner_stride, True)
        self.conv2 = nn.Sequential(middle, BlurPool(filters)) if blurred else middle
        self.conv3 = conv_bn(filters, 4 * filters, 1)
        self.shortcut = nn.Identity()
        if project and assembled:
            pool = nn.AvgPool2d(3, stride, 1) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, conv_bn(inputs, 4 * filters, 1))
        elif project:
            self.shortcut = conv_bn(inputs, 4 * filters, 1, stride)
        self.last_relu = last_relu

    def forward(self, x):
        y = self.conv3(self.conv2(self.conv1(x))) + self.shortcut(x)
        return F.relu(y, inplace=True) if self.last_relu else y


def stack(inputs, filters, blocks, stride, assembled, last_relu=True):
    layers = []
    for i in range(blocks):
        relu = i == 0 or i + 1 < blocks or last_relu
        layers.append(Bottleneck(inputs if i == 0 else 4 * filters, filters, stride if i == 0 else 1, i == 0, assembled,
                                 relu))
    return nn.Sequential(*layers)


class Vanilla(nn.Module):
    def __init__(self):
        super().__init__()
        channels, stages = 64, []
        for i, blocks in enumerate([3, 4, 6, 3]):
            stages.append(stack(channels, 64 << i, blocks, 1 if i == 0 else 2, False))
            channels = 256 << i
        self.stem = nn.Sequential(conv_bn(3, 64, 7, 2, relu=True), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        return self.fc(self.stages(self.stem(x)).mean((2, 3)))


class BigLittleStage(nn.Module):
    def __init__(self, inputs, filters, blocks, merge_stride):
        super().__init__()
        self.big = stack(inputs, filters, blocks - 1, 2, True, last_relu=False)
        self.little = nn.Sequential(stack(inputs, filters // 2, max(1, blocks // 4 - 1), 1, True),
                                    conv_bn(2 * filters, 4 * filters, 1))
        self.merge = stack(4 * filters, filters, 1, merge_stride, True)

    def forward(self, x):
        big = F.interpolate(self.big(x), scale_factor=2, mode="nearest")
        return self.merge(F.relu(big + self.little(x), inplace=True))


class Assembled(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 64, 7, 2, relu=True)
        self.big = conv_bn(64, 64, 3, 2)
        self.little = nn.Sequential(conv_bn(64, 32, 3, 1, True), conv_bn(32, 32, 3, 2, True), conv_bn(32, 64, 1))
        self.join = conv_bn(64, 64, 1, relu=True)
        self.stages = nn.Sequential(BigLittleStage(64, 64, 3, 2), BigLittleStage(256, 128, 4, 2),
                                    BigLittleStage(512, 256, 6, 1), stack(1024, 512, 3, 2, True))
        self.fc = nn.Linear(2048, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = self.join(F.relu(self.big(x) + self.little(x), inplace=True))
        return self.fc(self.stages(x).mean((2, 3)))


def python_rates(way, arch, precision, batch, side, steps):
    model = (Vanilla() if arch == "resnet50" else Assembled()).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    images = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (batch,))

    def loss_of(images, labels):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(images)
        return F.cross_entropy(logits.float(), labels, label_smoothing=0.1)

    if way == "torch.compile":
        loss_of = torch.compile(loss_of)
    rates = []
    for step in range(-2, steps):
        start = time.perf_counter()
        loss_of(images, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        if step >= 0:
            rates.append(batch / (time.perf_counter() - start))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="assemble_train_step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--archs", nargs="+", default=ARCHS, choices=ARCHS)
    parser.add_argument("--csv")
    parser.add_argument("--python-step", nargs=3, metavar=("WAY", "ARCH", "PRECISION"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.python_step:
        print(json.dumps({"images_per_second": python_rates(*args.python_step, args.batch_size, args.image_size,
                                                            args.steps)}))
        return
    shape = ["--batch-size", str(args.batch_size), "--image-size", str(args.image_size), "--steps", str(args.steps)]
    rows = []
    for arch in args.archs:
        for precision in ["f32", "bf16"]:
            rates = {way: [] for way in ("assemble", *PYTHON_WAYS)}
            for _ in range(args.rounds):
                commands = {
                    "assemble": [args.program, "--arch", arch, "--precision", precision, *shape],
                }
                for way in PYTHON_WAYS:
                    commands[way] = [sys.executable, __file__, args.program, "--python-step", way, arch, precision, *shape]
                for name, command in commands.items():
                    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    rates[name] += json.loads(output)["images_per_second"]
            ours, *theirs = (statistics.median(rate) for rate in rates.values())
            rows.append([arch, precision, args.batch_size, args.image_size,
                         *(f"{rate:.2f}" for rate in (ours, *theirs)), *(f"{ours / rate:.3f}" for rate in theirs),
                         len(rates["assemble"])])
            print(*rows[-1], flush=True)
    if args.csv:
        cpu = next(line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
        with open(args.csv, "w", newline="") as file:
            file.write(f"# {date.today()}, {cpu}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
                       f"Python {platform.python_version()}\n# command: python {' '.join(sys.argv)}\n")
            writer = csv.writer(file)
            writer.writerow(["arch", "precision", "batch_size", "image_size", "assemble_images_per_second",
                             "eager_images_per_second", "compiled_images_per_second", "ratio_to_eager",
                             "ratio_to_compiled", "steps_each"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
