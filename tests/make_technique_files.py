# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/techniques: what torchvision's and timm's own code computes of small inputs, for tests of techniques.

Needs torch 2.11, torchvision 0.26, timm 1.0.31 and numpy: python tests/make_technique_files.py
"""

import json
import pathlib
import unittest.mock

import numpy as np
import timm.data.distributed_sampler
import timm.data.mixup
import timm.layers
import timm.loss
import timm.optim
import torch
import torchvision.ops
import torchvision.transforms as classic
import torchvision.transforms.v2 as transforms
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from torchvision.transforms.autoaugment import _apply_op

GOLDEN = pathlib.Path(__file__).parent / "golden" / "techniques"


def write(name, content):
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{name}.json").write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")


def cutmix():
    """Windows as torchvision's CutMix makes them of λ and centre; a batch as timm's Mixup mixes it by a window."""
    windows = []
    generator = np.random.default_rng(5)
    for _ in range(60):
        height, width = (int(n) for n in generator.integers(1, 40, 2))
        lam = float(generator.beta(1, 1))
        centre = [int(generator.integers(width)), int(generator.integers(height))]  # it draws x first
        layer = transforms.CutMix(num_classes=3)
        image = torch.zeros(2, 3, height, width)
        with unittest.mock.patch.object(layer._dist.__class__, "sample", lambda self, shape: torch.tensor([lam], dtype=torch.float64)):
            drawn = iter(centre)
            with unittest.mock.patch("torch.randint", lambda *a, **k: torch.tensor([next(drawn)])):
                made = layer.make_params([image])
        x1, y1, x2, y2 = made["box"]
        windows.append([height, width, lam, centre[1], centre[0], y1, x1, y2 - y1, x2 - x1])

    count, classes, side = 4, 3, 6
    images = torch.arange(count * 3 * side * side, dtype=torch.float32).view(count, 3, side, side)
    labels = torch.tensor([0, 1, 2, 1])
    box = (1, 4, 2, 6)  # rows, then columns
    lam = 1 - 3 * 4 / side**2
    mixing = timm.data.mixup.Mixup(mixup_alpha=0, cutmix_alpha=1, label_smoothing=0, num_classes=classes)
    with unittest.mock.patch("timm.data.mixup.cutmix_bbox_and_lam", lambda *a, **k: (box, lam)):
        mixed, targets = mixing(images.clone(), labels)
    return {
        "windows": windows,
        "box": [1, 2, 3, 4],
        "labels": labels.tolist(),
        "mixed": mixed.flatten().tolist(),
        "targets": targets.flatten().tolist(),
    }


def pattern(height, width):
    """Waves, flat parts and noise, so that every operation has something to change."""
    generator = np.random.default_rng(height * 100 + width)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    image = 120 + 70 * np.sin(0.5 * x + c) * np.cos(0.3 * y) + generator.normal(0, 12, (height, width, 3))
    image[: height // 3, : width // 3] = [30, 200, 90]
    return image.clip(20, 235).astype(np.uint8)


def random_augment():
    """Pixels of torchvision's operations on PIL images, and the magnitudes of both its spaces."""
    tensors = {}
    magnitudes = {}
    spaces = {"trivial-wide": classic.TrivialAugmentWide(), "rand": classic.RandAugment()}
    for name, space in spaces.items():
        for height, width in [(24, 24), (224, 224), (31, 57)]:
            arguments = [31] if name == "trivial-wide" else [31, (height, width)]
            for operation, (values, _) in space._augmentation_space(*arguments).items():
                if values.ndim:
                    magnitudes[f"{name}/{operation}/{height}/{width}"] = [float(v) for v in values]
    for height, width in [(24, 24), (13, 19)]:
        original = pattern(height, width)
        tensors[f"image/{height}x{width}"] = original
        for operation, (values, signed) in spaces["trivial-wide"]._augmentation_space(31).items():
            chosen = [float(values[i]) for i in (1, 9, 17, 30)] if values.ndim else [0.0]
            if operation == "Rotate":
                chosen.append(float(values[20]))  # a right angle
            for magnitude in chosen + [-m for m in chosen if signed]:
                made = _apply_op(Image.fromarray(original), operation, magnitude, classic.InterpolationMode.NEAREST, None)
                tensors[f"{operation}/{magnitude!r}/{height}x{width}"] = np.asarray(made).copy()
    save_file(tensors, str(GOLDEN / "random_augment.safetensors"))
    return magnitudes


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


def binary_cross_entropy():
    torch.manual_seed(4)
    logits, soft = torch.randn(5, 4), torch.softmax(torch.randn(5, 4), 1)
    labels = torch.tensor([0, 3, 1, 2, 2])
    losses = {}
    for smoothing in (0.0, 0.1):
        for threshold in (None, 0.2):
            loss = timm.loss.BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold)
            losses[f"hard/{smoothing}/{threshold or 0}"] = loss(logits, labels).item()
            if smoothing == 0.0:  # timm leaves the smoothing of mixed targets to its Mixup
                losses[f"soft/{smoothing}/{threshold or 0}"] = loss(logits, soft).item()
    return {"logits": logits.flatten().tolist(), "soft": soft.flatten().tolist(), "labels": labels.tolist(), "losses": losses}


def aug_mix():
    """Operations of AugMix' published augmentations.py, at given levels, and timm's Jensen-Shannon loss."""
    operations = {
        "AutoContrast": lambda image, level, sign: ImageOps.autocontrast(image),
        "Equalize": lambda image, level, sign: ImageOps.equalize(image),
        "Posterize": lambda image, level, sign: ImageOps.posterize(image, 4 - int(level * 4 / 10)),
        "Rotate": lambda image, level, sign: image.rotate(sign * int(level * 30 / 10), resample=Image.BILINEAR),
        "Solarize": lambda image, level, sign: ImageOps.solarize(image, 256 - int(level * 256 / 10)),
        "ShearX": lambda image, level, sign: affine(image, (1, sign * level * 0.3 / 10, 0, 0, 1, 0)),
        "ShearY": lambda image, level, sign: affine(image, (1, 0, 0, sign * level * 0.3 / 10, 1, 0)),
        "TranslateX": lambda image, level, sign: affine(image, (1, 0, sign * int(level * image.width / 3 / 10), 0, 1, 0)),
        "TranslateY": lambda image, level, sign: affine(image, (1, 0, 0, 0, 1, sign * int(level * image.height / 3 / 10))),
    }

    def affine(image, matrix):
        return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BILINEAR)

    tensors = {}
    for height, width in [(24, 24), (13, 19)]:
        original = pattern(height, width)
        tensors[f"image/{height}x{width}"] = original
        for name, operation in operations.items():
            for level in (0.5, 2.7, 9.7):
                for sign in (1, -1):
                    made = operation(Image.fromarray(original), level, sign)
                    tensors[f"{name}/{level}/{'-' if sign < 0 else '+'}/{height}x{width}"] = np.asarray(made).copy()
    save_file(tensors, str(GOLDEN / "aug_mix.safetensors"))

    torch.manual_seed(8)
    logits, labels = 3 * torch.randn(3 * 4, 5), torch.tensor([0, 4, 2, 2])
    loss = timm.loss.JsdCrossEntropy(num_splits=3, alpha=12, smoothing=0)
    return {"logits": logits.flatten().tolist(), "labels": labels.tolist(), "loss": loss(logits, labels.repeat(3)).item()}


def optimizers():
    """Three steps of two parameters, the second without decay."""
    torch.manual_seed(6)
    first, second = torch.randn(3, 4), torch.randn(5)
    gradients = [(torch.randn(3, 4), torch.randn(5)) for _ in range(3)]
    result = {
        "first": first.flatten().tolist(),
        "second": second.tolist(),
        "gradients": [[g.flatten().tolist() for g in pair] for pair in gradients],
    }
    for name in ("adamw", "lamb"):
        parameters = [torch.nn.Parameter(first.clone()), torch.nn.Parameter(second.clone())]
        groups = [{"params": [parameters[0]], "weight_decay": 0.1}, {"params": [parameters[1]], "weight_decay": 0.0}]
        if name == "adamw":
            optimizer = torch.optim.AdamW(groups, lr=0.02, betas=(0.8, 0.95), eps=1e-6)
        else:
            optimizer = timm.optim.Lamb(groups, lr=0.02, betas=(0.8, 0.95), eps=1e-6, max_grad_norm=1.0)
        for pair in gradients:
            for parameter, gradient in zip(parameters, pair):
                parameter.grad = gradient.clone()
            optimizer.step()
        result[name] = [p.detach().flatten().tolist() for p in parameters]
    return result


def soup():
    """Statistics of a batch norm as torch.optim.swa_utils.update_bn takes them anew."""
    torch.manual_seed(9)
    norm = torch.nn.BatchNorm2d(3)
    norm.running_mean.fill_(5.0)
    batches = [torch.randn(count, 3, 2, 2) + count for count in (4, 2, 5)]
    torch.optim.swa_utils.update_bn(batches, norm)
    return {
        "batches": [batch.flatten().tolist() for batch in batches],
        "mean": norm.running_mean.tolist(),
        "variance": norm.running_var.tolist(),
    }


def sharpness():
    """Four steps of a linear classifier, of which the second and the last are sharpness-aware."""
    torch.manual_seed(10)
    images, labels = torch.randn(6, 4), torch.tensor([0, 2, 1, 1, 0, 2])
    weight, bias = torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(3))
    parameters = [weight, bias]
    result = {"images": images.flatten().tolist(), "labels": labels.tolist(), "rho": 0.5}
    result["before"] = [p.detach().flatten().tolist() for p in parameters]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)

    def gradients(at):
        at = [p.detach().requires_grad_() for p in at]
        loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(images, *at), labels)
        return torch.autograd.grad(loss, at)

    for step in range(4):
        descent = gradients(parameters)
        if step % 2 == 1:
            scale = result["rho"] / (torch.nn.utils.get_total_norm(descent) + 1e-12)
            descent = gradients([p + scale * g for p, g in zip(parameters, descent)])
        for parameter, gradient in zip(parameters, descent):
            parameter.grad = gradient
        optimizer.step()
    return result | {"after": [p.detach().flatten().tolist() for p in parameters]}


def repeated_augmentation():
    """Places of images in timm's epochs: how often each is taken, and of how many."""
    orders = []
    for images, repeats in [(10, 3), (12, 4), (7, 2), (9, 1)]:
        sampler = timm.data.distributed_sampler.RepeatAugSampler(
            range(images), num_replicas=1, rank=0, shuffle=False, num_repeats=repeats, selected_round=0
        )
        orders.append([images, repeats, list(sampler)])
    return orders


write("cutmix", cutmix())
write("random_augment", random_augment())
write("efficient_channel_attention", efficient_channel_attention())
write("stochastic_depth", stochastic_depth())
write("binary_cross_entropy", binary_cross_entropy())
write("aug_mix", aug_mix())
write("optimizers", optimizers())
write("soup", soup())
write("sharpness", sharpness())
write("repeated_augmentation", repeated_augmentation())
