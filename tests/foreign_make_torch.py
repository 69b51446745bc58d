# SPDX-License-Identifier: Apache-2.0
"""Writes networks of timm as torch.onnx exports them, and beside each a NAME.json of how it is fed, for
foreign_models_check.py. Weights are random, but for one network that learns for a minute where there are photos."""

import json
import os
import pathlib
import sys
import time

import numpy
import timm
import torch
from PIL import Image

OUT = pathlib.Path(sys.argv[1])
CLASSES = 12
IMAGENET = {"mean": [0.485, 0.456, 0.406], "deviation": [0.229, 0.224, 0.225]}
HALVES = {"mean": [0.5, 0.5, 0.5], "deviation": [0.5, 0.5, 0.5]}
DATA = pathlib.Path(os.environ.get("ASSEMBLE_DATA", "../shared/data")) / "flowers12"


def randomise(network):
    """Weights for which images differ: those of a fresh network give nearly the same answer to all."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and tensor.dim() == 1:
                drawn = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(drawn + 0.5 if name.endswith(("weight", "gamma", "running_var")) else (drawn - 0.5) * 0.2)
        head = network.get_classifier()
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * 0.1)
    return network.eval()


def make(name, **more):
    return randomise(timm.create_model(name, pretrained=False, num_classes=CLASSES, **more))


class Bytes(torch.nn.Module):
    """Takes images [N, S, S, 3] of uint8, gives features beside probabilities."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(IMAGENET["mean"]) * 255)
        self.register_buffer("deviation", torch.tensor(IMAGENET["deviation"]) * 255)

    def forward(self, images):
        images = ((images.float() - self.mean) / self.deviation).permute(0, 3, 1, 2)
        features = self.network.forward_head(self.network.forward_features(images), pre_logits=True)
        return features[:, :, None, None], self.network.get_classifier()(features).softmax(1)


def export(name, network, size, options, spec, opset=17, outputs=("y",), axes="batch", external=False, dynamo=False,
           example=None):
    path = OUT / f"{name}.onnx"
    example = torch.zeros(2, 3, size, size) if example is None else example
    dynamic = {"batch": {0: "n"}, "all": {0: "n", 2: "h", 3: "w"}, "none": {}}[axes]
    if dynamo:
        torch.onnx.export(network, (example,), str(path), input_names=["x"], output_names=list(outputs),
                          dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},), dynamo=True,
                          external_data=external)
    else:
        dynamic_axes = {"x": dynamic, **{output: {0: "n"} for output in outputs}} if dynamic else None
        torch.onnx.export(network, (example,), str(path), input_names=["x"], output_names=list(outputs),
                          dynamic_axes=dynamic_axes, opset_version=opset, dynamo=False)
        if external:
            import onnx
            model = onnx.load(str(path))
            path.unlink()
            onnx.save(model, str(path), save_as_external_data=True, location=f"{name}.weights", size_threshold=0)
    write(name, size, options, spec)


def write(name, size, options, spec):
    facts = {"size": size, "resize": int(size / 0.875), "crop": "center", "interpolation": "bilinear", "range": [0, 1],
             "layout": "nchw", "softmax": False, "output": "y", **IMAGENET, **spec}
    (OUT / f"{name}.json").write_text(json.dumps({"options": options, **facts}))


def photos(part, size):
    """Images as torchvision's evaluation has them, with labels."""
    names = sorted(path.name for path in (DATA / "train").iterdir())
    pixels, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((DATA / part / name).iterdir()):
            image = Image.open(path).convert("RGB")
            scale = int(size / 0.875) / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
            left, top = (image.width - size) // 2, (image.height - size) // 2
            pixels.append(numpy.asarray(image.crop((left, top, left + size, top + size))))
            labels.append(label)
    values = torch.from_numpy(numpy.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(IMAGENET[key]).view(3, 1, 1) for key in ("mean", "deviation"))
    return (values - mean) / deviation, torch.tensor(labels), names


def train(name, size, seconds):
    torch.manual_seed(1)
    network = timm.create_model(name, pretrained=False, num_classes=CLASSES)
    images, labels, names = photos("train", size)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
    start = time.monotonic()
    network.train()
    while (done := (time.monotonic() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - done)
        batch = torch.randint(0, len(images), (48,))
        pixels = images[batch]
        pixels = pixels.flip(3) if torch.rand(()) < 0.5 else pixels
        loss = torch.nn.functional.cross_entropy(network(pixels), labels[batch], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{name}: trained for {seconds} s, last loss {loss.item():.3f}")
    (OUT / "flowers12.txt").write_text("\n".join(names) + "\n")
    return network.eval()


torch.set_num_threads(len(os.sched_getaffinity(0)))
export("torch_vit", make("vit_tiny_patch16_224", img_size=64), 64,
       ["--input-mean", "0.5", "0.5", "0.5", "--input-deviation", "0.5", "0.5", "0.5", "--input-interpolation", "bicubic"],
       {**HALVES, "interpolation": "bicubic"})
export("torch_efficientnet", make("efficientnet_b0"), 64, [], {}, opset=13)
export("torch_convnext_squash", make("convnext_atto"), 64, ["--input-crop", "squash"], {"crop": "squash"}, axes="none")
export("torch_mobilenetv3_any_size", make("mobilenetv3_small_050"), 96, ["--input-size", "96", "--input-resize", "100"],
       {"resize": 100}, opset=11, axes="all")
export("torch_convnext_dynamo", make("convnext_atto"), 64, [], {}, dynamo=True)
export("torch_efficientnet_external", make("efficientnet_b0"), 64, [], {}, external=True)
export("torch_bytes", Bytes(make("mobilenetv3_small_050")), 64, ["--input-interpolation", "bicubic"],
       {"layout": "nhwc", "bytes": True, "softmax": True, "output": "y", "interpolation": "bicubic"},
       outputs=("features", "y"), example=torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
try:
    import openvino
except ImportError:
    print("without .xml files: this Python has no openvino")
else:
    openvino.save_model(openvino.convert_model(str(OUT / "torch_efficientnet.onnx")), OUT / "openvino_efficientnet.xml",
                        compress_to_fp16=False)
    pixels = ["--input-mean", *map(str, IMAGENET["mean"]), "--input-deviation", *map(str, IMAGENET["deviation"])]
    write("openvino_efficientnet", 64, pixels, {"same_as": "torch_efficientnet"})
if DATA.is_dir():
    export("torch_mobilenetv3_trained", train("mobilenetv3_small_050", 96, 60), 96,
           ["--class-names", str(OUT / "flowers12.txt")], {"resize": 109, "trained": True})
