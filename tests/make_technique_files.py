# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/techniques: what torchvision's and timm's own code computes of small inputs, for tests of techniques.

Needs torch 2.11, torchvision 0.26, timm 1.0.31 and numpy: python tests/make_technique_files.py
"""

import json
import pathlib

import timm.layers
import torch

GOLDEN = pathlib.Path(__file__).parent / "golden" / "techniques"


def write(name, content):
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{name}.json").write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")


def efficient_channel_attention():
    cases = []
    for channels in [2, 5, 64, 256, 1024, 2048]:
        torch.manual_seed(channels)
        layer = timm.layers.EcaModule(channels)
        case = {"channels": channels, "kernel": layer.conv.kernel_size[0]}
        if channels <= 64:
            image = torch.randn(2, channels, 2, 3)
            case |= {
                "weight": layer.conv.weight.flatten().tolist(),
                "input": image.flatten().tolist(),
                "output": layer(image).flatten().tolist(),
            }
        cases.append(case)
    return cases


write("efficient_channel_attention", efficient_channel_attention())
