#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates of preprocessing at 224 in one run: this project's loader, also from Python, and tf.data as the original uses it,
torchvision, FFCV and DALI's CPU pipeline.

All get the same JPEG files, repeated without end, and give batches of 64 float32 images; this project also gets them as
`assemble dataset build --seekable` stores them, and both it and tf.data as `--seekable --quality 90` does. FFCV reads a
file of its own, for which it encodes the photos anew in that quality. The pipelines take turns, --repeats times, and the
medians count. Peers are those for which a Python is named that has them:

  benchmarks/data_peers.py --data PHOTOS [--package-python PYTHON] [--tf-python PYTHON] [--torchvision-python PYTHON]
                           [--ffcv-python PYTHON] [--dali-python PYTHON] [--csv FILE]
"""
import argparse
import csv
import datetime
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

MEAN = (123.68, 116.78, 103.94)
SIDE, RESIZE, BATCH, QUALITY = 224, 256, 64, 90


def images_in(folder):
    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    return [p.read_bytes() for p in files]


def rate_of(batches, seconds):
    """Images a second of an iterator over batches, after some that nobody counts."""
    iterator = iter(batches)
    for _ in range(3):
        next(iterator)
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        images += len(next(iterator))
    return images / (time.perf_counter() - start)


def tf_data(folder, threads, seconds):
    """The steps of the original's training and evaluation input, as a tf.data graph."""
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)

    def train(encoded):
        box = tf.zeros([1, 0, 4], tf.float32)
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.image.extract_jpeg_shape(encoded), bounding_boxes=box, min_object_covered=0.1,
            aspect_ratio_range=[0.75, 1.33], area_range=[0.05, 1.0], max_attempts=100,
            use_image_if_no_bounding_boxes=True)
        y, x, _ = tf.unstack(begin)
        height, width, _ = tf.unstack(size)
        image = tf.image.decode_and_crop_jpeg(encoded, tf.stack([y, x, height, width]), channels=3,
                                              dct_method="INTEGER_ACCURATE")
        image = tf.image.random_flip_left_right(image)
        image = tf.compat.v1.image.resize_bilinear(image[None], [SIDE, SIDE])[0]
        return image - tf.constant(MEAN)

    def evaluate(encoded):
        image = tf.image.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        ratio = RESIZE / tf.reduce_min(shape)
        image = tf.compat.v1.image.resize_bilinear(image[None], tf.cast(shape * ratio, tf.int32))[0]
        top, left = (tf.shape(image)[0] - SIDE) // 2, (tf.shape(image)[1] - SIDE) // 2
        return tf.slice(image, [top, left, 0], [SIDE, SIDE, -1]) - tf.constant(MEAN)

    encoded = images_in(folder)
    if not encoded:
        feature = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
        records = tf.data.TFRecordDataset(tf.io.gfile.glob(f"{folder}/train-*"))
        encoded = [tf.io.parse_single_example(record, feature)["image/encoded"].numpy() for record in records]
    rates = {}
    for name, function in (("train", train), ("eval", evaluate)):
        data = tf.data.Dataset.from_tensor_slices(encoded).repeat().map(function, num_parallel_calls=threads)
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        data = data.batch(BATCH, drop_remainder=True).prefetch(3).with_options(options)
        rates[name] = rate_of(data, seconds)
    return {"rates": rates, "version": f"tensorflow {tf.__version__}"}


def link_photos(photos, folder, times=1):
    """The photos, as many times, as the one class of both splits."""
    files = sorted(path for path in pathlib.Path(photos).resolve().rglob("*") if path.is_file())
    for split in ("train", "validation"):
        (folder / split / "photos").mkdir(parents=True)
        for number, path in enumerate(files * times):
            (folder / split / "photos" / f"{number:06d}{path.suffix}").symlink_to(path)


class Photos:
    """Map-style data set of the photos, again and again."""

    def __init__(self, encoded, transform):
        self.encoded, self.transform = encoded, transform

    def __len__(self):
        return 1 << 20

    def __getitem__(self, index):
        import io

        from PIL import Image

        return self.transform(Image.open(io.BytesIO(self.encoded[index % len(self.encoded)])).convert("RGB"))


def torchvision_loader(folder, threads, seconds):
    """torchvision's reference transforms on PIL images, `threads` worker processes."""
    import PIL
    import torch
    import torchvision
    from torchvision import transforms as T

    torch.set_num_threads(1)
    normalise = [T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    train = T.Compose([T.RandomResizedCrop(SIDE), T.RandomHorizontalFlip(), *normalise])
    evaluate = T.Compose([T.Resize(RESIZE), T.CenterCrop(SIDE), *normalise])
    encoded = images_in(folder)
    rates = {}
    for name, transform in (("train", train), ("eval", evaluate)):
        loader = torch.utils.data.DataLoader(Photos(encoded, transform), BATCH, shuffle=name == "train",
                                             num_workers=threads)
        rates[name] = rate_of(loader, seconds)
    return {"rates": rates, "version": f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}"}


def package_rates(decoding):
    """The loader of the package `assemble`, NumPy batches."""
    def rates(folder, threads, seconds):
        import importlib.metadata

        import assemble

        measured = {}
        with tempfile.TemporaryDirectory() as data:
            link_photos(folder, pathlib.Path(data), times=100)
            for name, training in (("train", True), ("eval", False)):
                loader = assemble.Loader(data, "imagenet", training=training, batch_size=BATCH, threads=threads,
                                         decoding=decoding)
                endless = (images for _ in itertools.repeat(None) for images, _ in loader)
                measured[name] = rate_of(endless, seconds)
        return {"rates": measured, "version": f"assemble {importlib.metadata.version('assemble')}"}
    return rates


def ffcv_loader(folder, threads, seconds):
    """FFCV's crops of stored JPEG files, converted to float32 as its example of ImageNet does."""
    import ffcv
    import numpy as np
    from ffcv.fields import IntField, RGBImageField
    from ffcv.fields.decoders import CenterCropRGBImageDecoder, RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import NormalizeImage, RandomHorizontalFlip, ToTensor, ToTorchImage
    from ffcv.writer import DatasetWriter
    from PIL import Image

    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))

    class Files:
        def __len__(self):
            return len(files)

        def __getitem__(self, index):
            return Image.open(files[index]).convert("RGB"), 0

    normalise = NormalizeImage(np.float32((123.675, 116.28, 103.53)), np.float32((58.395, 57.12, 57.375)), np.float32)
    decoders = {"train": [RandomResizedCropRGBImageDecoder((SIDE, SIDE)), RandomHorizontalFlip()],
                "eval": [CenterCropRGBImageDecoder((SIDE, SIDE), SIDE / RESIZE)]}
    rates = {}
    with tempfile.TemporaryDirectory() as stored:
        fields = {"image": RGBImageField(write_mode="jpg", jpeg_quality=QUALITY), "label": IntField()}
        DatasetWriter(f"{stored}/photos.beton", fields, num_workers=threads).from_indexed_dataset(Files())
        for name, decoder in decoders.items():
            loader = Loader(f"{stored}/photos.beton", BATCH, threads, drop_last=False,
                            order=OrderOption.QUASI_RANDOM if name == "train" else OrderOption.SEQUENTIAL,
                            pipelines={"image": [*decoder, normalise, ToTensor(), ToTorchImage()], "label": None})
            rates[name] = rate_of((images for _ in itertools.repeat(None) for images, *_ in loader), seconds)
    return {"rates": rates, "version": f"ffcv {ffcv.__version__}"}


def dali_pipeline(folder, threads, seconds):
    """DALI on the processor: files in, float32 batches out."""
    import nvidia.dali
    from nvidia.dali import fn, pipeline_def, types

    files = sorted(str(p) for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    normalise = {"dtype": types.FLOAT, "output_layout": "HWC", "mean": [123.675, 116.28, 103.53],
                 "std": [58.395, 57.12, 57.375]}

    @pipeline_def(batch_size=BATCH, num_threads=threads, device_id=None, prefetch_queue_depth=3)
    def train():
        encoded, _ = fn.readers.file(files=files, random_shuffle=True)
        images = fn.resize(fn.decoders.image_random_crop(encoded, random_area=[0.05, 1.0],
                                                         random_aspect_ratio=[0.75, 1.33]),
                           size=[SIDE, SIDE], antialias=False)
        return fn.crop_mirror_normalize(images, mirror=fn.random.coin_flip(), **normalise)

    @pipeline_def(batch_size=BATCH, num_threads=threads, device_id=None, prefetch_queue_depth=3)
    def evaluate():
        encoded, _ = fn.readers.file(files=files)
        images = fn.resize(fn.decoders.image(encoded), resize_shorter=RESIZE, antialias=False)
        return fn.crop_mirror_normalize(images, crop=(SIDE, SIDE), **normalise)

    def batches(pipeline):
        pipeline.build()
        while True:
            yield pipeline.run()[0].as_array()

    rates = {name: rate_of(batches(make()), seconds) for name, make in (("train", train), ("eval", evaluate))}
    return {"rates": rates, "version": f"DALI {nvidia.dali.__version__}"}


PEERS = {"tf.data": tf_data, "torchvision": torchvision_loader, "FFCV": ffcv_loader, "DALI": dali_pipeline,
         "assemble from Python": package_rates("exact"), "assemble from Python --decode fast": package_rates("fast")}
# Flags that name the Python of each.
PYTHONS = {"tf.data": "tf_python", "torchvision": "torchvision_python", "FFCV": "ffcv_python", "DALI": "dali_python",
           "assemble from Python": "package_python", "assemble from Python --decode fast": "package_python"}


def run_peer(python, peer, arguments, data=None):
    command = [python, __file__, "--peer", peer, "--data", str(data or arguments.data), "--threads",
               str(arguments.threads), "--seconds", str(arguments.seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout.splitlines()[-1])




def build_records(arguments, raw, folder, *options):
    """Records of `assemble dataset build --seekable`."""
    command = [arguments.assemble, "dataset", "build", "folder", "--raw", str(raw), "--out", str(folder),
               "--train-shards", "1", "--validation-shards", "1", "--seekable", *options, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def run_ours(arguments, decode, data):
    command = [arguments.assemble, "benchmark", "data", "--data", str(data), "--threads", str(arguments.threads),
               "--seconds", str(arguments.seconds), "--repeats", "1", "--decode", decode, "--json", "--quiet"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    rates = {"train": result["train_images_per_second"], "eval": result["eval_images_per_second"],
             f"train, AutoAugment {result['auto_augment']}": result["train_auto_augment_images_per_second"]}
    return {"rates": rates, "version": "assemble", "cpu": result["cpu"]}


def measure(arguments, records, small):
    rates, versions, cpu = {}, {}, ""
    of_small = f", seekable records of quality {QUALITY}"
    sources = [("", arguments.data), (", seekable records", records), (of_small, small)]
    runs = [(f"assemble{flag}{source}", lambda decode=decode, data=data: run_ours(arguments, decode, data))
            for source, data in sources for flag, decode in (("", "exact"), (" --decode fast", "fast"))]
    for peer, flag in PYTHONS.items():
        if python := getattr(arguments, flag):
            runs.append((peer, lambda python=python, peer=peer: run_peer(python, peer, arguments)))
    if arguments.tf_python:
        runs.append(("tf.data" + of_small, lambda: run_peer(arguments.tf_python, "tf.data", arguments, small)))
    for _ in range(arguments.repeats):
        for name, run in runs:
            result = run()
            versions[name], cpu = result["version"], result.get("cpu", cpu)
            for what, rate in result["rates"].items():
                rates.setdefault((name, what), []).append(rate)
            print(name, {k: round(v) for k, v in result["rates"].items()}, file=sys.stderr)
    return rates, versions, cpu


def report(arguments):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        link_photos(arguments.data, folder / "raw")
        records = build_records(arguments, folder / "raw", folder / "records")
        small = build_records(arguments, folder / "raw", folder / "small", "--quality", str(QUALITY))
        rates, versions, cpu = measure(arguments, records, small)
    others = [peer for peer, flag in PYTHONS.items() if flag != "package_python"]
    columns = ["pipeline", "version", "preprocessing", "images_per_second", "least", "most",
               *(f"ratio_to_{peer.replace('.', '_')}" for peer in others), "threads", "machine", "date", "command"]
    rows = []
    medians = {key: statistics.median(values) for key, values in rates.items()}
    for (name, what), rate in sorted(medians.items(), key=lambda item: (item[0][1], item[0][0])):
        rounds = rates[name, what]
        ratios = [f"{rate / medians[peer, what]:.2f}" if (peer, what) in medians else "" for peer in others]
        command = (f"benchmarks/data_peers.py --data PHOTOS --threads {arguments.threads} --seconds {arguments.seconds} "
                   f"--repeats {arguments.repeats}")
        rows.append([name, versions[name], what, round(rate), round(min(rounds)), round(max(rounds)), *ratios,
                     arguments.threads, cpu, datetime.date.today().isoformat(), command])
    for row in [columns, *rows]:
        print("  ".join(str(cell).ljust(22) for cell in row[:6]))
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--assemble", default="build/assemble")
    for flag in sorted(set(PYTHONS.values())):
        parser.add_argument("--" + flag.replace("_", "-"))
    parser.add_argument("--csv")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(json.dumps(PEERS[arguments.peer](arguments.data, arguments.threads, arguments.seconds)))
    else:
        report(arguments)


if __name__ == "__main__":
    main()
