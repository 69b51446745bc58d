# SPDX-License-Identifier: Apache-2.0
"""The Python peers of `assemble corrupt`, made to run with today's NumPy, SciPy and scikit-image.

published(): the functions of ImageNet-C's own generator, from a copy of make_imagenet_c.py
(github.com/hendrycks/robustness, ImageNet-C/create_c).
published_c_bar(): the transforms of ImageNet-C-bar's generator, from a copy of its folder imagenet_c_bar
(github.com/facebookresearch/augmentation-corruption).
package(): the functions of the `imagecorruptions` package.
"""
import os
import pathlib
import sys
import types

import cv2
import numpy as np
import scipy
import skimage
import skimage.filters
from PIL import Image

from machine import processor

OFFICIAL = ["gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur",
            "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"]
EXTRA = ["speckle_noise", "gaussian_blur", "spatter", "saturate"]
NAMES = OFFICIAL + EXTRA
DETERMINISTIC = {"brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur",
                 "zoom_blur"}


def old_gaussian(image, *args, multichannel=False, **kwargs):
    """scikit-image 0.19 replaced multichannel=True by channel_axis; without it the channels are blurred together."""
    return skimage.filters.gaussian(image, *args, channel_axis=-1 if multichannel else None, **kwargs)


def add_removed_names():
    np.float_ = np.float64
    np.fromstring = np.frombuffer
    cv2.setNumThreads(1)


def published(path, side=224):
    """Functions by name; each takes a PIL image of `side` pixels and a severity."""
    add_removed_names()
    with open(path, encoding="utf-8") as file:
        source = file.read()
    begin = source.index("# /////////////// Distortion Helpers")
    end = source.index("# /////////////// End Distortions")
    source = source[begin:end].replace("scipy.ndimage.interpolation", "scipy.ndimage").replace("224", str(side))
    # "244 should have been 224", says the generator: the elastic transform grows with the side.
    source = source.replace("244", repr(244 * side / 224))
    # 256 is the power of two above 224.
    source = source.replace("mapsize=256", f"mapsize={1 << (side - 1).bit_length()}")
    module = types.ModuleType("published")
    module.__dict__.update(np=np, os=os)
    exec(compile(source, path, "exec"), module.__dict__)
    module.gaussian = old_gaussian
    return {name: getattr(module, name) for name in NAMES}


def published_c_bar(folder):
    """Classes by name, which take a level and a side, and the levels by name of severities 1 to 5."""
    sys.path.insert(0, str(folder))
    import corrupt
    with open(pathlib.Path(folder) / "imagenet_c_bar.csv", encoding="utf-8") as file:
        rows = [line.split(",") for line in file.read().split()]
    levels = {name: [float(level) for level in row] for name, *row in rows}
    transforms = {t.name: t for t in vars(corrupt).values() if getattr(t, "name", None) in levels}
    return transforms, {name: levels[name] for name in sorted(levels)}


def package():
    """Functions by name of `imagecorruptions`."""
    add_removed_names()
    if "pkg_resources" not in sys.modules:
        try:
            import pkg_resources  # noqa: F401
        except ImportError:
            import importlib.resources
            stand_in = types.ModuleType("pkg_resources")
            stand_in.resource_filename = lambda name, part: str(importlib.resources.files("imagecorruptions") / part)
            sys.modules["pkg_resources"] = stand_in
    import imagecorruptions.corruptions as corruptions
    corruptions.gaussian = old_gaussian
    return {name: getattr(corruptions, name) for name in NAMES}


def as_levels(result):
    return np.uint8(np.asarray(result))


def find_photos(folder):
    return sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def crop(path, resize=256, side=224):
    """Resize(256), CenterCrop(224) of torchvision."""
    image = Image.open(path).convert("RGB")
    w, h = image.size
    size = (resize, int(resize * h / w)) if w <= h else (int(resize * w / h), resize)
    image = image.resize(size, Image.BILINEAR)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return image.crop((left, top, left + side, top + side))


def cpu():
    return f"{processor()} ({os.cpu_count()} threads)"


def versions():
    packages = {"numpy": np, "scipy": scipy, "scikit-image": skimage, "opencv": cv2}
    return "; ".join(f"{name} {module.__version__}" for name, module in packages.items())
