#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A MobileNetV1 trained on ImageNet: accuracy in f32, bf16 and int8, mCE and mFR on photos, beside Python.

Python is ONNX Runtime on the network that `assemble export` writes, and the published generators of ImageNet-C and
ImageNet-P on today's packages (python_corruptions.py, python_perturbations.py). Sets of both sides are stored (corruptions
as JPEG of quality 85, sequences as frames without loss) and classified by both.

  benchmarks/imagenet_mobilenet.py --checkpoint model.ckpt --photos DIR --generator make_imagenet_c.py --frost-dir DIR
                                   --work DIR --csv FILE [--calibration DIR] [--seeds 3] [--sequence-seeds 1]
                                   [--assemble build/assemble]

PHOTOS: files named by synset (n01440764_tench.JPEG). CHECKPOINT: TF-Slim's variables, inputs (x - 128) / 128. Needs numpy,
scipy, scikit-image, opencv-python, pillow, wand, torch, torchvision, timm (for the synsets) and onnxruntime. What WORK holds
already is not made again.
"""
import argparse
import collections
import concurrent.futures
import csv
import datetime
import functools
import io
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import torchvision
from PIL import Image
from timm.data import ImageNetInfo

import python_corruptions as corruptions
import python_perturbations as perturbations
from machine import version

RANGES = ("min-max", "percentile", "mse")
RANDOM_CORRUPTIONS = [name for name in corruptions.NAMES if name not in corruptions.DETERMINISTIC]
# What the published code divides by: mean errors, and flip probabilities.
ALEXNET_ERRORS = dict(zip(corruptions.NAMES, (
    .8864, .8945, .9226, .8199, .8263, .7860, .7984, .8668, .8266, .8193, .5646, .8532, .6461, .7178, .6065, .8454, .7871,
    .7175, .6583)))
ALEXNET_FLIPS = dict(zip(perturbations.KINDS, (
    .23653, .30062, .09297, .05942, .11928, .04889, .11007, .13104, .07050, .23531)))
FIELDS = ["section", "name", "setting", "images", "assemble", "python", "difference", "standard_error", "differing"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("checkpoint", "photos", "generator", "frost-dir", "work", "csv"):
        parser.add_argument(f"--{name}", required=True, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--calibration", type=lambda text: pathlib.Path(text).resolve(),
                        help="other images for the ranges of int8; the photos are used beside them")
    parser.add_argument("--seeds", type=int, default=3, help="of random corruptions")
    parser.add_argument("--sequence-seeds", type=int, default=1, help="of random sequences")
    parser.add_argument("--assemble", default="build/assemble", type=lambda text: str(pathlib.Path(text).resolve()))
    return parser.parse_args()


def run(options, *words):
    command = [options.assemble, *map(str, words), "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=options.work)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def measure(options, *words):
    return json.loads(run(options, *words, "--json"))


def once(make):
    """Made under another name, so that what is there is whole; `make` goes on where it was stopped."""
    @functools.wraps(make)
    def made(options, out, *more):
        if not out.exists():
            part = out.parent / f".{out.name}"
            out.parent.mkdir(parents=True, exist_ok=True)
            make(options, part, *more)
            part.rename(out)
        return out
    return made


# The images of both sides.


@once
def make_photos(options, out):
    for path in corruptions.find_photos(options.photos):
        folder = out / path.name.split("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)


@once
def corrupt_here(options, out, names, seed):
    run(options, "corrupt", "--data", "photos", "--out", out, "--corruptions", ",".join(names), "--seed", seed,
        "--frost-dir", options.frost_dir)


@once
def perturb_here(options, out, kinds, seed):
    run(options, "perturb", "--data", "photos", "--out", out, "--kinds", ",".join(kinds), "--seed", seed, "--format",
        "frames")


@functools.cache
def generator(path, frost_dir):
    os.chdir(frost_dir)  # where the generator looks for the photographs
    return corruptions.published(path)


def corrupt_one(options, out, name, number, path, seed):
    function = generator(options.generator, options.frost_dir)[name]
    image = corruptions.crop(path)
    for severity in range(1, 6):
        np.random.seed([seed, number, severity])
        file = out / name / str(severity) / path.parent.name / f"{path.stem}.JPEG"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(corruptions.as_levels(function(image, severity))).save(file, quality=85, optimize=True)


def perturb_one(options, out, kind, number, path, seed):
    np.random.seed([seed, number])
    perturbations.torch.manual_seed(1000 * seed + number)
    folder = out / kind / path.parent.name / path.stem
    part = folder.with_name(f".{path.stem}")
    if folder.exists():
        return
    part.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(perturbations.KINDS[kind](perturbations.resized(path))):
        frame.save(part / f"frame_{i:02}.png", compress_level=1)
    part.rename(folder)


def in_python(make_one):
    @once
    def make(options, out, names, seed):
        with concurrent.futures.ProcessPoolExecutor() as pool:
            images = corruptions.find_photos(options.work / "photos")
            jobs = [pool.submit(make_one, options, out, name, number, path, seed)
                    for name in names for number, path in enumerate(images)]
            for job in jobs:
                job.result()
    return make


corrupt_python = in_python(corrupt_one)
perturb_python = in_python(perturb_one)


# The networks of both sides.


class OnnxRuntime:
    """Synsets that the exported network says of images of its size."""

    def __init__(self, model):
        session = onnxruntime.SessionOptions()
        session.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(str(model), session, providers=["CPUExecutionProvider"])
        self.names = np.array(["background", *ImageNetInfo("imagenet-1k").label_names()])

    def predict(self, paths, read=Image.open, batch=32):
        said = []
        for first in range(0, len(paths), batch):
            pixels = np.stack([np.asarray(read(path), dtype=np.float32) for path in paths[first:first + batch]])
            images = np.ascontiguousarray((pixels.transpose(0, 3, 1, 2) - 128) / 128)
            said.extend(self.names[self.session.run(["logits"], {"images": images})[0].argmax(axis=1)])
        return np.array(said)


def predict_here(options, model, folder):
    table = csv.DictReader(io.StringIO(run(options, "predict", "--model", model, "--top", 1, "--format", "csv",
                                           "--class-map", "imagenet", folder)))
    return {str(pathlib.Path(options.work, row["image"]).relative_to(options.work / folder)): row["class"] for row in table}


def make_models(options):
    deviation = ["--mean", 128, 128, 128, "--deviation", 128, 128, 128]
    run(options, "convert", options.checkpoint, "slim.safetensors", *deviation)
    # For `predict` on images of 224, which it would resize and cut.
    run(options, "convert", options.checkpoint, "uncut.safetensors", "--preprocessing", "torchvision_224_224", *deviation)
    run(options, "export", "--model", "slim.safetensors", "--out", "slim.onnx")


def int8_models(options):
    """(file, what it was calibrated on)"""
    for number, images in enumerate(filter(None, [options.calibration, options.work / "photos"])):
        for way in RANGES:
            out = f"int8-{number}-{way}.onnx"
            run(options, "export", "--model", "slim.safetensors", "--out", out, "--int8", "--range", way, "--calibration",
                images)
            name = "the photos themselves" if images == options.work / "photos" else "other images"
            yield out, f"int8 {way}, calibrated on {name}"


# What is compared.


def row(section, name, setting, images, ours=None, theirs=None, error=None, differing=None):
    show = lambda value: "" if value is None else f"{value:.4f}"  # noqa: E731
    both = ours is not None and theirs is not None
    return dict(zip(FIELDS, (section, name, setting, images, show(ours), show(theirs), show(ours - theirs) if both else "",
                             show(error), "" if differing is None else differing)))


def accuracies(options, runtime):
    paths = corruptions.find_photos(options.work / "photos")
    said = runtime.predict(paths, corruptions.crop)
    right = np.array([path.parent.name for path in paths]) == said
    here = predict_here(options, "slim.safetensors", "photos")
    differing = sum(here[str(path.relative_to(options.work / "photos"))] != name for path, name in zip(paths, said))
    settings = [("slim.safetensors", "f32", "f32"), ("slim.safetensors", "bf16", "bf16"),
                *((file, setting, None) for file, setting in int8_models(options))]
    for model, setting, precision in settings:
        words = ["--model", model, "--all-outputs", *(["--precision", precision] if precision else [])]
        top1 = measure(options, "eval", "--data", "photos", *words)["top1"]
        beside = (100 * right.mean(), None, differing) if setting == "f32" else ()
        yield row("accuracy", "top-1 %, photos", setting, len(paths), 100 * top1, *beside)
        result = measure(options, "robustness", "c", "--data", "c/assemble-0", *words)
        yield row("accuracy", "top-1 %, corrupted", setting, 95 * len(paths), 100 - result["unnormalised_mce_19"])
        for name in ("mce_15", "mce_19"):
            yield row("accuracy", name, setting, 95 * len(paths), result[name])


class Sets:
    """The stored sets of one side: what is random from every seed, all else once."""

    def __init__(self, options, seeds, kind, side, names, random, make):
        self.folders = [f"{kind}/{side}-{seed}" for seed in range(seeds)]
        for seed, folder in enumerate(self.folders):
            make(options, options.work / folder, [n for n in names if seed == 0 or n in random], seed)

    def of(self, name, random):
        return self.folders if name in random else self.folders[:1]


def kept_measure(options, runtime, folder, name, measure_side):
    stored = options.work / folder / f"{name}.npz"
    if not stored.exists():
        value, count = measure_side(options, runtime, folder, name)
        np.savez(stored, value=value, count=count)
    kept = np.load(stored)
    return kept["value"], int(kept["count"])


def compare(options, runtime, seeds, kind, names, random, sides, measure_side):
    """values[side][name]: [seeds, images, …] by ONNX Runtime, which the command's own figures equal."""
    values, differing = collections.defaultdict(dict), collections.Counter()
    for side, make in sides.items():
        sets = Sets(options, seeds, kind, side, names, random, make)
        for name in names:
            kept = [kept_measure(options, runtime, folder, name, measure_side) for folder in sets.of(name, random)]
            values[side][name] = np.array([value for value, _ in kept])
            differing[side] += sum(count for _, count in kept)
            print(kind, side, name, values[side][name].mean(), file=sys.stderr, flush=True)
    return values, differing


def wrong_images(options, runtime, folder, corruption):
    """[images, severities] of 0 and 1, and how many predictions differ from the command's."""
    wrong, differing = [], 0
    here = predict_here(options, "uncut.safetensors", f"{folder}/{corruption}")
    for severity in range(1, 6):
        paths = corruptions.find_photos(options.work / folder / corruption / str(severity))
        truth = np.array([path.parent.name for path in paths])
        said = runtime.predict(paths)
        ours = np.array([here[str(path.relative_to(options.work / folder / corruption))] for path in paths])
        differing += int((ours != said).sum())
        wrong.append(said != truth)
    return np.array(wrong).T, differing


def flips(options, runtime, folder, kind):
    """[images, comparisons] of 0 and 1, and by how many flips the command's figure differs."""
    sequences = sorted({path.parent for path in (options.work / folder / kind).rglob("*.png")})
    said = np.stack([runtime.predict(sorted(sequence.glob("*.png"))) for sequence in sequences])
    before = said[:, :1] if kind in perturbations.NOISES else said[:, :-1]
    flipped = said[:, 1:] != before
    share = measure(options, "robustness", "p", "--model", "slim.safetensors", "--data", folder, "--as", "stored",
                    "--kinds", kind)["measured"][kind]["flip_probability"]
    return flipped, round(abs(share - flipped.mean()) * flipped.size)


def by_image(values):
    """[images]: mean over seeds, severities or comparisons."""
    return values.mean(axis=(0, 2))


def standard_error(difference):
    return difference.std(ddof=1) / len(difference) ** 0.5


def difference_rows(section, values, random, unit):
    ours, theirs = values["assemble"], values["python"]
    for name in ours:
        a, b = by_image(ours[name]), by_image(theirs[name])
        if name in random:
            more = {"error": unit * standard_error(a - b)}
        else:
            more = {"differing": int((ours[name] != theirs[name]).sum())}
        yield row(section, name, "random" if name in random else "deterministic", ours[name].size, unit * a.mean(),
                  unit * b.mean(), **more)


def mean_row(section, name, values, baseline):
    """A mean over the baseline's names of ratios to it, in percent: of each image, so that the difference has an error."""
    a, b = (100 * sum(by_image(values[side][n]) / baseline[n] for n in baseline) / len(baseline)
            for side in ("assemble", "python"))
    return row(section, name, "both", sum(values["python"][n].size for n in baseline), a.mean(), b.mean(),
               standard_error(a - b))


def corruption_rows(options, runtime):
    sides = {"assemble": corrupt_here, "python": corrupt_python}
    values, differing = compare(options, runtime, options.seeds, "c", corruptions.NAMES, RANDOM_CORRUPTIONS, sides,
                                wrong_images)
    for side in sides:
        measured = measure(options, "robustness", "c", "--model", "slim.safetensors", "--data", f"c/{side}-0", "--as",
                           "stored", "--all-outputs")["measured"]["corruptions"]
        for name, wrong in values[side].items():
            differing[side] += sum(round(abs(measured[name][str(s)]["error"] - wrong[0, :, s - 1].mean()) * wrong.shape[1])
                                   for s in range(1, 6))
    yield from difference_rows("corruption, error %", values, RANDOM_CORRUPTIONS, 100)
    official = {name: ALEXNET_ERRORS[name] for name in corruptions.OFFICIAL}
    yield mean_row("corruptions", "mce_15", values, official)
    yield mean_row("corruptions", "mce_19", values, ALEXNET_ERRORS)
    for side, count in differing.items():
        yield row("same files", f"predictions on the corrupted files of {side}", "ONNX Runtime against the command",
                  sum(v.size for v in values[side].values()), differing=count)
    result = measure(options, "robustness", "c", "--model", "slim.safetensors", "--data", "photos", "--as", "clean",
                     "--frost-dir", options.frost_dir, "--all-outputs")
    for name in ("mce_15", "mce_19", "relative_mce", "unnormalised_mce"):
        yield row("corruptions", name, "made while measuring", 95 * result["measured"]["clean"]["images"], result[name])


def perturbation_rows(options, runtime):
    sides = {"assemble": perturb_here, "python": perturb_python}
    values, differing = compare(options, runtime, options.sequence_seeds, "p", perturbations.KINDS, perturbations.RANDOM,
                                sides, flips)
    yield from difference_rows("perturbation, flips %", values, perturbations.RANDOM, 100)
    yield mean_row("perturbations", "mfr", values, ALEXNET_FLIPS)
    for side, count in differing.items():
        yield row("same files", f"flips in the sequences of {side}", "ONNX Runtime against the command",
                  sum(v.size for v in values[side].values()), differing=count)
    result = measure(options, "robustness", "p", "--model", "slim.safetensors", "--data", "photos", "--as", "clean")
    yield row("perturbations", "mfr", "made while measuring", result["measured"]["rotate"]["sequences"], result["mfr"])


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    make_photos(options, options.work / "photos")
    make_models(options)
    runtime = OnnxRuntime(options.work / "slim.onnx")
    rows = [*corruption_rows(options, runtime), *perturbation_rows(options, runtime)]
    rows = [*accuracies(options, runtime), *rows]
    with open(options.csv, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {datetime.date.today()}, {corruptions.cpu()}, {version(options.assemble)}; {corruptions.versions()}; "
                   f"onnxruntime {onnxruntime.__version__}; pillow {Image.__version__}; "
                   f"torchvision {torchvision.__version__}\n")
        file.write(f"# command: benchmarks/imagenet_mobilenet.py --checkpoint {options.checkpoint.name} --photos PHOTOS "
                   f"--generator make_imagenet_c.py --frost-dir FROST --work DIR --csv FILE"
                   f"{' --calibration IMAGES' if options.calibration else ''} --seeds {options.seeds} "
                   f"--sequence-seeds {options.sequence_seeds}\n")
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
