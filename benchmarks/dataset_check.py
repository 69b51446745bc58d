#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `assemble dataset check` finds of faults that are planted in a data set, and how long it takes.

  benchmarks/dataset_check.py recall DATA [--csv FILE]       faults of every kind planted into a copy of DATA
  benchmarks/dataset_check.py labels DATA [--model FILE] …   5 % of the labels made wrong: AUROC of their scores
  benchmarks/dataset_check.py time PHOTOS --cleanvision PYTHON …   10,000 photos beside cleanvision, in turns

Duplicates that DATA has itself are counted and taken out before others are planted. Of a kind, recall is the share of the
planted copies that stand in a group with their original; precision is the share of the members found by that likeness that
have the same original as the image they are said to be like. Needs Pillow, and for `labels` NumPy.
"""
import argparse
import collections
import csv
import datetime
import io
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import machine

SUFFIXES = (".jpg", ".jpeg", ".png")
NEAR = ("reencoded", "resized", "cropped", "mirrored")


def check(program, folder, *options):
    command = [program, "dataset", "check", str(folder), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout)


def images_in(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def saved(image, quality):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def faulty(kind, path, rng):
    """Bytes of a faulty copy."""
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    if kind == "exact":
        return path.read_bytes()
    if kind == "broken":
        return path.read_bytes()[: path.stat().st_size // 2]
    image = Image.open(path).convert("RGB")
    width, height = image.size
    if kind == "jpeg_60":
        return saved(image, 60)
    if kind == "half_size":
        return saved(image.resize((width // 2, height // 2), Image.Resampling.LANCZOS), 90)
    if kind == "crop_90":
        x, y = rng.randint(0, width - int(0.9 * width)), rng.randint(0, height - int(0.9 * height))
        return saved(image.crop((x, y, x + int(0.9 * width), y + int(0.9 * height))), 90)
    if kind == "mirrored":
        return saved(ImageOps.mirror(image), 90)
    if kind == "blurred":
        return saved(image.filter(ImageFilter.GaussianBlur(2.5 * min(width, height) / 224)), 90)
    if kind == "dark":
        return saved(ImageEnhance.Brightness(image).enhance(0.15), 90)
    if kind == "bright":
        return saved(Image.blend(image, Image.new("RGB", image.size, "white"), 0.85), 90)
    if kind == "gray":
        return saved(image.convert("L"), 90)
    if kind == "uniform":
        return saved(Image.effect_noise(image.size, 2).convert("RGB"), 90)
    raise ValueError(kind)


DUPLICATES = {"exact": None, "jpeg_60": "reencoded", "half_size": "resized", "crop_90": "cropped", "mirrored": "mirrored"}
FAULTS = ("broken", "blurred", "dark", "bright", "gray", "uniform")


def without_own_duplicates(program, data, folder):
    """Copies a data set but for duplicates. @return how many groups there were"""
    shutil.copytree(data, folder)
    found = check(program, folder)
    for group in found["duplicates"]:
        for member in group["images"][1:]:
            (folder / member["image"]).unlink()
    return found["counts"]


def plant(folder, share, seed):
    """@return by the name of each image its original, and of each planted one the kind"""
    rng = random.Random(seed)
    originals = images_in(folder)
    origin = {str(path.relative_to(folder)): i for i, path in enumerate(originals)}
    kinds = {}
    for kind in (*DUPLICATES, *FAULTS):
        for path in rng.sample(originals, max(int(share * len(originals)), 1)):
            suffix = path.suffix if kind in ("exact", "broken") else ".jpg"
            copy = path.with_name(f"{kind}_{path.stem}{suffix}")
            copy.write_bytes(faulty(kind, path, rng))
            name = str(copy.relative_to(folder))
            origin[name] = origin[str(path.relative_to(folder))]
            kinds[name] = kind
    return origin, kinds


def score_duplicates(result, origin, kinds):
    found, right, members = collections.Counter(), collections.Counter(), collections.Counter()
    for group in result["duplicates"]:
        names = [member["image"] for member in group["images"]]
        same = collections.Counter(origin[name] for name in names)
        for member in group["images"]:
            name = member["image"]
            if kinds.get(name) in DUPLICATES and same[origin[name]] > 1:
                found[kinds[name]] += 1
            if "likeness" in member:
                members[member["likeness"]] += 1
                right[member["likeness"]] += origin[name] == origin[member["of"]]
    planted = collections.Counter(kinds.values())
    for kind, likeness in DUPLICATES.items():
        likeness = likeness or "same_bytes"
        yield kind, planted[kind], found[kind] / planted[kind], right[likeness] / max(members[likeness], 1)


def score_faults(result, kinds):
    planted = collections.Counter(kinds.values())
    for kind in FAULTS:
        names = [entry["image"] for entry in result["faults"][kind]]
        right = sum(kinds.get(name) == kind for name in names)
        yield kind, planted[kind], right / planted[kind], right / max(len(names), 1)


def recall(options):
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "data"
        own = without_own_duplicates(options.assemble, options.data, folder)
        origin, kinds = plant(folder, options.share, options.seed)
        result = check(options.assemble, folder)
    for kind, planted, share, precision in (*score_duplicates(result, origin, kinds), *score_faults(result, kinds)):
        print(f"{kind:10} planted {planted:4}  recall {100 * share:6.2f} %  precision {100 * precision:6.2f} %")
        rows.append({"measure": kind, "data": options.data.name, "images": len(origin), "planted": planted,
                     "recall": f"{share:.4f}", "precision": f"{precision:.4f}"})
    print(f"{options.data}: groups of its own, taken out before: {own['duplicate_groups']} of the same pixels, "
          f"{own['near_duplicate_groups']} near ones")
    return rows


def auroc(wrong, right):
    """Share of pairs in which the wrong label has the lower score; ties count half."""
    import numpy

    values = numpy.concatenate([wrong, right])
    _, inverse, counts = numpy.unique(values, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(counts) - (counts - 1) / 2)[inverse]
    below = ranks[: len(wrong)].sum() - len(wrong) * (len(wrong) + 1) / 2
    return 1 - below / (len(wrong) * len(right))


def labels(options):
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "data"
        without_own_duplicates(options.assemble, options.data, folder)
        files = images_in(folder / "train")
        classes = sorted({path.parent.name for path in files})
        wrong = set()
        for path in rng.sample(files, int(0.05 * len(files))):
            other = rng.choice([name for name in classes if name != path.parent.name])
            moved = path.parent.parent / other / f"moved_{path.name}"
            path.rename(moved)
            wrong.add(str(moved.relative_to(folder)))
        judge = ["--model", options.model]
        if not options.model:
            judge = ["--folds", str(options.folds), "--minutes", str(options.minutes)]
        result = check(options.assemble, folder, *judge)
    scores = {entry["image"]: entry["score"] for entry in result["label_scores"] if entry["split"] == "train"}
    value = auroc([scores[name] for name in wrong], [score for name, score in scores.items() if name not in wrong])
    print(f"{len(wrong)} of {len(scores)} labels wrong: AUROC {value:.4f}")
    return [{"measure": "wrong_labels_auroc", "data": options.data.name, "images": len(scores), "planted": len(wrong),
             "value": f"{value:.4f}"}]


CLEANVISION = """
import sys, time
start = time.perf_counter()
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues(n_jobs=int(sys.argv[2]), verbose=False)
print(time.perf_counter() - start)
"""


def seconds_of(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def make_photos(photos, folder, count, seed):
    """Photos of 500×375, each other than all others: windows of the given ones, mirrored and coloured at random."""
    from PIL import Image, ImageEnhance, ImageOps

    rng = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in images_in(photos) or sorted(photos.glob("*.JPEG"))]
    for i in range(count):
        source = sources[i % len(sources)]
        width, height = source.size
        share = rng.uniform(0.3, 0.75)
        w, h = int(share * width), int(share * height)
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        image = source.crop((x, y, x + w, y + h)).resize((500, 375), Image.Resampling.BICUBIC)
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        image = ImageEnhance.Color(image).enhance(rng.uniform(0.5, 1.5))
        target = folder / f"class_{i % 10}" / f"{i:05}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target, quality=90)


def timing(options):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "photos"
        make_photos(options.data, folder, options.images, options.seed)
        cores = machine.threads()
        commands = {"assemble": [options.assemble, "dataset", "check", str(folder), "--json"]}
        if options.cleanvision:
            commands["cleanvision"] = [options.cleanvision, "-c", CLEANVISION, str(folder), str(cores)]
        seconds = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, command in commands.items():
                seconds[name].append(seconds_of(command))
                print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
    return [{"measure": "seconds", "data": f"photos of 500×375, made of {options.data.name}", "images": options.images,
             "program": name, "value": f"{sorted(all_)[len(all_) // 2]:.1f}"} for name, all_ in seconds.items()]


COLUMNS = ("measure", "data", "images", "planted", "recall", "precision", "program", "value", "threads", "machine", "versions",
           "date", "command")


def write(rows, options):
    versions = machine.version(options.assemble)
    if getattr(options, "cleanvision", None):
        found = subprocess.run([options.cleanvision, "-c", "import importlib.metadata as m; print(m.version('cleanvision'))"],
                               stdout=subprocess.PIPE, text=True, check=True)
        versions += f", cleanvision {found.stdout.strip()}"
    words = ["benchmarks/dataset_check.py", *(pathlib.Path(word).name for word in sys.argv[1:])]
    fixed = {"threads": machine.threads(), "machine": machine.processor(), "versions": versions,
             "date": datetime.date.today().isoformat(), "command": " ".join(words)}
    is_new = not options.csv.exists()
    with options.csv.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows({**row, **fixed} for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("recall", "labels", "time"))
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--assemble", default="build/assemble")
    parser.add_argument("--share", type=float, default=0.1, help="of the images that get a faulty copy of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", help="model file, whose embeddings tell the labels")
    parser.add_argument("--folds", type=int, default=4, help="without --model: networks trained on the spot")
    parser.add_argument("--minutes", type=float, default=5, help="that those are trained for")
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cleanvision", help="Python that has cleanvision")
    parser.add_argument("--csv", type=pathlib.Path, help="file to which the figures are added")
    options = parser.parse_args()
    rows = {"recall": recall, "labels": labels, "time": timing}[options.what](options)
    if options.csv:
        write(rows, options)


if __name__ == "__main__":
    main()
