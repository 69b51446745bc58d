# SPDX-License-Identifier: Apache-2.0
"""Writes what the tests compare with: ImageNet-C-bar's own generator, on a drawn picture or a photo.

c_bar.safetensors: images, the random numbers of each, and what the generator makes of the two.
c_bar.json: mean and deviation of the numbers that it draws at severities 1 to 5 for an image of 224 pixels.

Needs NumPy 1, as the generator does: in which precision it adds numbers to pixels differs in NumPy 2.
"""
import argparse
import json
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import corruptions_golden
import python_corruptions as peers

DRAWS = 20000


def rays(params, count, radius, least):
    """Lengths as the generator draws them inside transform()."""
    random = np.random.RandomState(seed=params["seed"])
    return [[max(least, r + params["randomness"] / 100.0 * r * random.randn()) for _ in range(n)]
            for n, r in zip(count, radius)]


def phases(random, side):
    half = random.uniform(low=0, high=2 * np.pi, size=(side, side // 2)).ravel()
    return half if side % 2 == 0 else np.append(half, random.uniform(low=0, high=2 * np.pi, size=side // 2))


def perlin(random):
    from utils.perlin_noise import PerlinNoiseGenerator
    noise = PerlinNoiseGenerator(random)
    return np.concatenate([noise.p[:256], noise.g[:256].ravel()])


def scalars(name, p):
    """The numbers that are drawn by themselves, by name."""
    if name == "single_frequency_greyscale":
        return {"fx": p["freq"][0], "fy": p["freq"][1], "phase": p["phase"], "intensity": p["intensity"]}
    if name == "cocentric_sine_waves":
        return {"x": p["offset"][0], "y": p["offset"][1], "frequency": p["freq"], "amplitude": p["amplitude"],
                "width": p["ring_width"], "intensity": p["intensity"][0]}
    if name == "plasma_noise":
        return {key: p[key] for key in ("time", "iterations", "sharpness", "scale", "intensity")}
    if name == "sparkles":
        return {"y": p["centers"][0][0], "x": p["centers"][0][1], "rays": p["nrays"][0], "radius": p["radii"][0]}
    if name == "inverse_sparkles":
        return {"y": p["center"][0], "x": p["center"][1], "rays": p["rays"], "radius": p["radius"],
                "exponent": (100 - p["amount"]) / 50.0}
    if name == "checkerboard_cutout":
        return {"angle": p["angle"], "scale": p["scales"][0], "fraction": p["fraction"]}
    if name == "caustic_refraction":
        return {"time": p["time"], "size": p["size"], "lens_scale": p["lens_scale"], "lighting": p["lighting_amount"]}
    key = {"perlin_noise": "alpha", "blue_noise_sample": "threshold", "brownish_noise": "intensity"}[name]
    return {key: p[key]}


def numbers(name, p, side):
    """All random numbers of an image, one after the other, in the order of tests/image/c_bar_test.cpp."""
    random = np.random.RandomState(seed=p.get("seed"))
    drawn = scalars(name, p)
    if name == "sparkles":
        lengths = rays(p, p["nrays"], p["radii"], 1)
        return [value for centre, of in zip(p["centers"], lengths) for value in [*centre, len(of), *of]]
    if name == "inverse_sparkles":
        lengths = rays(p, [p["rays"]], [p["radius"]], -np.inf)[0]
        return [*p["center"], len(lengths), *lengths, drawn["exponent"]]
    if name == "checkerboard_cutout":
        squares = int(4 * side // p["scales"][0])
        gray = random.uniform(size=(squares, squares)) < p["fraction"]
        return [drawn["angle"], drawn["scale"], squares, *gray.ravel()]
    if name == "perlin_noise":
        return [drawn["alpha"], *perlin(random)]
    if name == "blue_noise_sample":
        return [drawn["threshold"], *phases(random, side)]
    if name == "brownish_noise":
        return [drawn["intensity"], *np.concatenate([phases(random, side) for _ in range(3)])]
    return list(drawn.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", required=True, help="the folder imagenet_c_bar of the generator")
    parser.add_argument("--photos", nargs="*", type=pathlib.Path, help="cropped to 224, in place of the drawn picture")
    parser.add_argument("--severities", type=int, nargs="*", default=[2, 5])
    parser.add_argument("--out", default="tests/golden", type=pathlib.Path)
    options = parser.parse_args()
    transforms, levels = peers.published_c_bar(options.generator)
    if options.photos:
        images = [np.asarray(peers.crop(path)) for path in options.photos]
    else:
        images = [np.asarray(corruptions_golden.picture())[:side, :side] for side in (24, 25)]
    tensors = {f"image/{i}": np.ascontiguousarray(image) for i, image in enumerate(images)}
    np.random.seed(0)
    for name, of_severity in levels.items():
        for i, image in enumerate(images):
            for severity in options.severities:
                side = len(image)
                transform = transforms[name](severity=of_severity[severity - 1], im_size=side)
                params = transform.sample_parameters()
                key = f"{name}/{severity}/{i}"
                tensors[key] = np.ascontiguousarray(transform.transform(image, **params))
                tensors[key + "/numbers"] = np.array(numbers(name, params, side), dtype=np.float64)
                print(key, flush=True)
    save_file(tensors, options.out / "c_bar.safetensors")
    if options.photos:
        return
    statistics = {}
    for name, of_severity in levels.items():
        statistics[name] = []
        for level in of_severity:
            transform = transforms[name](severity=level, im_size=224)
            drawn = [scalars(name, transform.sample_parameters()) for _ in range(DRAWS)]
            statistics[name].append({key: [round(f([d[key] for d in drawn]), 6) for f in (np.mean, np.std)]
                                     for key in drawn[0]})
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows)}" for name, rows in statistics.items())
    (options.out / "c_bar.json").write_text("{\n" + text + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
