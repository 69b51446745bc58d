# SPDX-License-Identifier: Apache-2.0
"""Makes the PyTorch files of tests/golden/torch that torch_archive_test.cpp reads, and tests/golden/torchvision.safetensors.

Needs torch, torchvision, numpy, pillow and safetensors: python tests/make_torch_files.py
"""

import argparse
import collections
import datetime
import io
import itertools
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import torch
import torchvision.transforms as transforms
from PIL import Image
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).parent / "golden"
TORCH = GOLDEN / "torch"


def state():
    return collections.OrderedDict(
        [("fc.weight", torch.arange(6.0).reshape(2, 3)), ("fc.bias", torch.tensor([0.5, -1.0])), ("steps", torch.tensor(7))]
    )


def with_optimizer():
    """As pytorch/examples' imagenet trainer saves it."""
    parameters = [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(2))]
    optimizer = torch.optim.SGD(parameters, 0.1, momentum=0.9)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {"epoch": 3, "arch": "resnet50", "state_dict": state(), "best_acc1": torch.tensor(71.5), "optimizer": optimizer.state_dict()}


def with_objects():
    weights = state()
    weights["expanded"] = torch.tensor([2.0]).expand(3)
    weights["channels_last"] = torch.arange(8.0).reshape(1, 2, 2, 2).contiguous(memory_format=torch.channels_last)
    weights["u16"] = torch.tensor([1, 65535], dtype=torch.uint16)
    weights["parameter"] = torch.nn.Parameter(torch.tensor([4.0]))
    weights["parameter"].note = "an attribute"
    return {
        "state_dict": weights,
        "args": argparse.Namespace(lr=0.1, device=torch.device("cpu"), dtype=torch.float16),
        "best_acc": np.float64(71.5),
        "history": np.arange(3),
        "counts": collections.Counter("aab"),
        "groups": collections.defaultdict(list, a=[1]),
        "when": datetime.datetime(2020, 1, 2),
        "where": pathlib.PurePosixPath("runs/1"),
        "names": {"a", "b"},
        "size": torch.Size([2, 3]),
        "raw": b"bytes",
        "loss": torch.nn.CrossEntropyLoss(),
    }


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2's cPickle writes: str as byte strings, an OrderedDict by its list of pairs."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, text):
        data = text.encode("latin-1")
        if self.proto == 0:
            self.write(b"S" + repr(text).encode("ascii") + b"\n")
        else:
            self.write(b"U" + struct.pack("<B", len(data)) + data)
        self.memoize(text)

    dispatch[str] = save_str

    def reducer_override(self, item):
        if type(item) is collections.OrderedDict:
            return collections.OrderedDict, ([[key, value] for key, value in item.items()],)
        if isinstance(item, torch.Tensor):
            return torch._utils._rebuild_tensor, (Storage(item), 0, tuple(item.shape), item.stride())
        return NotImplemented

    def persistent_id(self, item):
        if not isinstance(item, Storage):
            return None
        tensor = item.tensor
        kind = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[tensor.dtype]
        self.found[item.key] = tensor
        return ("storage", kind, item.key, "cuda:0", tensor.numel(), None)


class Storage:
    numbers = itertools.count(94000)

    def __init__(self, tensor):
        self.tensor, self.key = tensor, str(next(Storage.numbers))


def save_as_python2(path, item, protocol):
    """The format of PyTorch 0.1.10 to 1.5."""
    found = {}
    with open(path, "wb") as file:

        def write(value):
            pickler = Python2Pickler(file, protocol)
            pickler.found = found
            pickler.dump(value)

        write(0x1950A86A20F9469CFC6C)
        write(1001)
        write({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4, "long": 4, "short": 2}})
        write(item)
        keys = sorted(found)
        write(keys)
        for key in keys:
            data = found[key].contiguous().numpy()
            file.write(struct.pack("<q", data.size) + data.tobytes())


def save_big_endian(path):
    saved = io.BytesIO()
    torch.save({"a": torch.tensor([1.0, -2.5]), "b": torch.tensor([258], dtype=torch.int16)}, saved)
    with zipfile.ZipFile(saved) as little, zipfile.ZipFile(path, "w") as big:
        for name in little.namelist():
            data = little.read(name)
            if name.endswith("/byteorder"):
                data = b"big"
            elif name.endswith("/data/0"):
                data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
            elif name.endswith("/data/1"):
                data = np.frombuffer(data, "<i2").astype(">i2").tobytes()
            big.writestr(name, data)


def unreadable():
    return {
        "good": torch.ones(1),
        "sparse": torch.eye(2).to_sparse(),
        "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "complex": torch.ones(1, dtype=torch.complex64),
    }


def pattern(height, width):
    """As torchvision_preprocess_test.cpp draws it."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * 37 + y * 91 + c * 29 + x * y * 3) % 256).astype(np.uint8)


SIZES = [(31, 47), (47, 31), (32, 57), (40, 40), (18, 18), (18, 27), (19, 18), (25, 38), (9, 14), (61, 90)]


def cut_by_torchvision():
    tensors = {}
    for height, width in SIZES:
        image = Image.fromarray(pattern(height, width))
        for name in ["bilinear", "bicubic"]:
            mode = transforms.InterpolationMode(name)
            cut = transforms.Compose([transforms.Resize(18, interpolation=mode), transforms.CenterCrop(15)])(image)
            tensors[f"{name}/{height}x{width}"] = np.asarray(cut)
    save_file(tensors, str(GOLDEN / "torchvision.safetensors"))


torch.save(with_optimizer(), TORCH / "optimizer_legacy.pth", _use_new_zipfile_serialization=False)
torch.save(with_objects(), TORCH / "objects.pth")
for protocol in [1, 3, 4, 5]:
    torch.save(state(), TORCH / f"protocol{protocol}_legacy.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=False)
for protocol in [1, 2]:
    save_as_python2(TORCH / f"python2_protocol{protocol}.pth", {"state_dict": state(), "by": "caf\xe9"}, protocol)
save_big_endian(TORCH / "big_endian.pth")
torch.save(unreadable(), TORCH / "unreadable.pth")
torch.save(torch.nn.Linear(2, 1), TORCH / "module.pth")
network = torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(2, 1)))
network.load_state_dict({"fc.weight": torch.tensor([[1.0, 2.0]]), "fc.bias": torch.tensor([3.0])})
torch.jit.script(network).save(str(TORCH / "script.pt"))
cut_by_torchvision()
