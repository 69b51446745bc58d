# SPDX-License-Identifier: Apache-2.0
"""Converts networks of torchvision and timm with random weights there and back, and compares logits."""

import pathlib
import subprocess
import sys

import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

COMMAND, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
TOLERANCE = 1e-5  # of the largest logit


def run(*arguments):
    subprocess.run([COMMAND, *map(str, arguments), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def randomise(network):
    """Batch norm away from the identity, squeeze biases away from zero."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point() or tensor.dim() != 1:
                continue
            drawn = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(drawn + 0.5 if name.endswith(("weight", "running_var")) else (drawn - 0.5) * 0.2)
    return network.eval()


def difference(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def check(name, network, arch, to, size, pth):
    weights = WORK / ("weights.pth" if pth else "weights.safetensors")
    if pth:
        torch.save(network.state_dict(), weights)
    else:
        save_file(network.state_dict(), str(weights))
    model, io, out = WORK / "model.safetensors", WORK / "io.safetensors", WORK / "out.safetensors"
    run("convert", weights, model)
    with safe_open(str(model), "pt") as file:
        assert file.metadata()["arch"] == arch, file.metadata()["arch"]
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
    save_file({"input_nhwc": images.permute(0, 2, 3, 1).contiguous()}, str(io))
    run("forward", "--model", model, "--input", io, "--output", out)
    with torch.no_grad():
        expected = network(images)
    found = difference(load_file(str(out))["logits"], expected)
    assert found <= TOLERANCE, f"{name}: logits differ by {found:.1e} of the largest"

    back = WORK / ("back.pth" if pth else "back.safetensors")
    run("convert", model, back, "--to", to)
    state = torch.load(back, weights_only=True) if pth else load_file(str(back))
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.zero_()
    network.load_state_dict(state, strict=False)
    missing = {key for key in network.state_dict() if not key.endswith("num_batches_tracked")} - set(state)
    assert not missing, f"{name}: the exported file lacks {sorted(missing)[:3]}"
    with torch.no_grad():
        assert torch.equal(network(images), expected), f"{name}: exported weights give other logits"
    print(f"{name} ({arch}): logits differ by {found:.1e} of the largest at {size[0]}x{size[1]}; the same after export")


check("torchvision resnet50", randomise(torchvision.models.resnet50()), "resnet50+timm", "torchvision", (96, 96), True)
check("timm resnet50", randomise(timm.create_model("resnet50")), "resnet50+timm", "timm", (65, 98), False)
check("timm resnet50d", randomise(timm.create_model("resnet50d")), "resnet50+d+timm", "timm", (96, 75), False)
check("timm seresnet50", randomise(timm.create_model("seresnet50")), "resnet50+se+timm", "timm", (64, 64), True)
