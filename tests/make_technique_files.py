# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/techniques: what torchvision's and timm's own code computes of small inputs, for tests of techniques.

Needs torch 2.11, torchvision 0.26, timm 1.0.31 and numpy: python tests/make_technique_files.py
"""

import json
import pathlib

import timm.layers
import torch
import torchvision.ops

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


def stochastic_depth():
    """torchvision draws which rows stay; what it does with them is all there is to compare. And timm's rates."""
    torch.manual_seed(3)
    branch = torch.randn(6, 2, 1, 2)
    made = torchvision.ops.stochastic_depth(branch, 0.3, "row")
    network = timm.create_model("resnet50", drop_path_rate=0.2)
    blocks = [block for stage in (network.layer1, network.layer2, network.layer3, network.layer4) for block in stage]
    rates = [block.drop_path.drop_prob if block.drop_path is not None else 0.0 for block in blocks]
    return {"branch": branch.flatten().tolist(), "rate": 0.3, "kept": made.flatten().tolist(), "rates": rates}


write("efficient_channel_attention", efficient_channel_attention())
write("stochastic_depth", stochastic_depth())
