# SPDX-License-Identifier: Apache-2.0
"""Writes what the tests compare with: outputs of ImageNet-C's own generator on a drawn picture of 64 pixels.

tests/golden/corruptions.png: a sheet of tiles, the picture, then a row a deterministic corruption at severities 1 to 5.
tests/golden/corruptions.json: mean, deviation and PSNR over many random numbers for the others.
"""
import argparse
import json
import pathlib

import numpy as np
from PIL import Image

import python_corruptions as peers

SIDE = 64
COUNTS = {"glass_blur": 60, "fog": 1000}  # glass blur is slow, fogs differ much from one another
MEASURED = [name for name in peers.NAMES if name not in peers.DETERMINISTIC and name != "frost"]


def picture():
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    image = np.stack([40 + 2.6 * x, 200 - 1.9 * y, 90 + 60 * np.sin(x / 9) * np.cos(y / 7)], -1)
    image[(x - 24) ** 2 + (y - 28) ** 2 < 196] = [230, 60, 40]
    image[(np.abs(x - 44) < 12) & (np.abs(y - 42) < 9)] = [30, 50, 190]
    image[(x + y) % 16 < 3] *= 0.6
    image[4:10, 4:60] = 255
    image[54:60, 4:60] = 0
    image[46:52, 4:30] = 128
    return Image.fromarray(np.uint8(np.clip(image, 0, 255)))


def measures(function, image, severity, count):
    clean = np.asarray(image).astype(np.float64)
    rows = []
    for seed in range(count):
        np.random.seed(seed)
        values = peers.as_levels(function(image, severity)).astype(np.float64)
        rows.append([values.mean(), (values**2).mean(), 10 * np.log10(255**2 / np.mean((values - clean) ** 2))])
    mean, square, psnr = np.mean(rows, 0)
    return {"mean": round(mean, 3), "deviation": round((square - mean**2) ** 0.5, 3), "psnr": round(psnr, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", required=True, help="make_imagenet_c.py")
    parser.add_argument("--out", default="tests/golden", type=pathlib.Path)
    options = parser.parse_args()
    functions = peers.published(options.generator, SIDE)
    image = picture()
    names = [name for name in peers.NAMES if name in peers.DETERMINISTIC]
    columns = [np.asarray(image)] + [np.zeros((SIDE, SIDE, 3), np.uint8)] * 4
    rows = [np.concatenate(columns, 1)]
    for name in names:
        rows.append(np.concatenate([peers.as_levels(functions[name](image, s)) for s in range(1, 6)], 1))
    Image.fromarray(np.concatenate(rows, 0)).save(options.out / "corruptions.png", optimize=True)
    result = {}
    for name in MEASURED:
        count = COUNTS.get(name, 300)
        result[name] = [measures(functions[name], image, severity, count) for severity in range(1, 6)]
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows)}" for name, rows in result.items())
    (options.out / "corruptions.json").write_text("{\n" + text + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
