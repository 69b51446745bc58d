# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/techniques/pix_mix.{json,safetensors}: what the published PixMix makes of small images, and what it drew.

Needs numpy, torch, pillow, safetensors and a copy of github.com/andyzoujm/pixmix, of which cifar.py's functions and
pixmix_utils.py run as they are: python tests/make_pix_mix_file.py --published pixmix
"""

import argparse
import ast
import importlib.util
import json
import pathlib
import types

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).parent / "golden" / "techniques"
SIDE, CASES, SEVERITY, BETA, ROUNDS = 16, 24, 3, 3, 4
OPERATIONS = ["autocontrast", "equalize", "posterize", "rotate", "solarize", "shear_x", "shear_y", "translate_x", "translate_y"]


class Recorded:
    """numpy.random, whose numbers are kept."""

    def __init__(self):
        self.drawn = []

    def __getattr__(self, name):
        def draw(*arguments, **keywords):
            self.drawn.append(getattr(np.random, name)(*arguments, **keywords))
            return self.drawn[-1]

        return draw


def load(folder):
    spec = importlib.util.spec_from_file_location("pixmix_utils", folder / "pixmix_utils.py")
    utils = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(utils)
    utils.IMAGE_SIZE = SIDE
    source = ast.parse((folder / "cifar.py").read_text())
    source.body = [part for part in source.body if getattr(part, "name", "") in ("pixmix", "augment_input")]
    main = {"np": np, "torch": torch, "utils": utils}
    main["args"] = types.SimpleNamespace(k=ROUNDS, beta=BETA, aug_severity=SEVERITY, all_ops=False)
    exec(compile(source, "cifar.py", "exec"), main)
    return utils, main["pixmix"]


def record(utils, log):
    """Operations and mixings write into the log what they drew."""
    recorded = Recorded()
    utils.np = types.SimpleNamespace(random=recorded, float32=np.float32)

    def operation(function, number):
        def run(image, level):
            recorded.drawn.clear()
            made = function(image, level)
            level, sign = (recorded.drawn + [0, 0])[:2]
            log.append(["change", number, level, bool(sign > 0.5)])
            return made

        return run

    def mixing(function):
        def run(first, second, beta):
            recorded.drawn.clear()
            made = function(first, second, beta)
            adds, a, b = recorded.drawn
            a, b = (np.float32(a), np.float32(b)) if adds < 0.5 else (1 + np.float32(a), -np.float32(b))
            log.append(["mix", function.__name__ == "multiply", float(a), float(b)])
            return made

        return run

    assert [function.__name__ for function in utils.augmentations] == OPERATIONS
    utils.augmentations = [operation(function, i) for i, function in enumerate(utils.augmentations)]
    utils.mixings = [mixing(function) for function in utils.mixings]


def images(number):
    """Waves with black and white parts, and noise as the picture."""
    generator = np.random.default_rng(number)
    y, x, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    image = 120 + 110 * np.sin(0.5 * x + c + number) * np.cos(0.3 * y) + generator.normal(0, 12, (SIDE, SIDE, 3))
    image[:3, :3], image[-3:, -3:] = 0, 255
    return image.clip(0, 255).astype(np.uint8), generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def tensorize(image):
    """As torchvision's ToTensor, but for the order of the axes."""
    if not isinstance(image, Image.Image):
        return image
    return torch.from_numpy(np.asarray(image).copy()).float().div(255)


parser = argparse.ArgumentParser()
parser.add_argument("--published", type=pathlib.Path, required=True)
utils, pixmix = load(parser.parse_args().published)
log, cases, tensors = [], [], {}
record(utils, log)
for number in range(CASES):
    image, picture = images(number)
    log.clear()
    begins = []
    np.random.seed(number)

    def convert(made):
        begins.append(len(log))
        return tensorize(made)

    mixed = pixmix(Image.fromarray(image), Image.fromarray(picture), {"tensorize": convert, "normalize": lambda x: x})
    # Each image becomes a tensor right after its change, if it has one: the first image, then one of each round.
    new = [at > before for before, at in zip([0, *begins], begins)]
    changes = [log[at - 1][1:] if is_new and log[at - 1][0] == "change" else None for is_new, at in zip(new, begins)]
    mixes = [entry[1:] for entry in log if entry[0] == "mix"]
    cases.append({"first": changes[0], "rounds": [[change, *mix] for change, mix in zip(changes[1:], mixes, strict=True)]})
    tensors |= {f"image/{number}": image, f"picture/{number}": picture, f"mixed/{number}": mixed.numpy()}
(GOLDEN / "pix_mix.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
save_file(tensors, str(GOLDEN / "pix_mix.safetensors"))
