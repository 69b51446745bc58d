# SPDX-License-Identifier: Apache-2.0
"""What the commands of the pages name and their reader has: data sets, models and files, small, made when asked for."""
import fnmatch
import json
import os
import re
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
GOLDEN = Path(os.environ.get("ASSEMBLE_GOLDEN", TOP.parent / "shared" / "golden"))
DATA = Path(os.environ.get("ASSEMBLE_DATA", TOP.parent / "shared" / "data"))
ASSEMBLED = "resnet50+bl+sk+aa3+w4"


class Absent(Exception):
    """A stand-in that cannot be made here, and why."""


MAKERS = {}


def makes(*names):
    """Marks a method that makes stand-ins of these names; it is given the name and where it is to lie."""

    def mark(method):
        for name in names:
            MAKERS[name] = method
        return method

    return mark


def write_safetensors(path, tensors):
    """tensors: {name: (shape, floats)}"""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        begin = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def as_of_pytorch(onnx):
    """The bytes of an .onnx file without metadata_props, and with PyTorch as the producer: fields 14, 2, 3 of ModelProto."""

    def varint(at):
        value, shift = 0, 0
        while True:
            value |= (onnx[at] & 0x7F) << shift
            shift += 7
            at += 1
            if onnx[at - 1] < 0x80:
                return value, at

    kept, at = b"", 0
    while at < len(onnx):
        key, end = varint(at)
        size, end = varint(end)
        end += size if key & 7 == 2 else 0
        if key >> 3 not in (2, 3, 14):
            kept += onnx[at:end]
        at = end
    return kept + b"\x12\x07pytorch"


class StandIns:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.asked = set()
        self.trained = {}

    def named_by(self, text):
        """The names of stand-ins in a command, patterns of the shell's included."""
        names = []
        for name in MAKERS:
            alone = rf"(?<![\w./*-]){re.escape(name)}(?![\w.*-])"
            patterns = [word for word in re.findall(r"[^\s'\"=]*\*[^\s'\"]*", text) if fnmatch.fnmatch(name, word)]
            if re.search(alone, text) or patterns:
                names.append(name)
        self.asked.update(names)
        return names

    def path(self, name):
        """Where a stand-in lies, made when it is not there yet. Raises Absent."""
        path = self.folder / name.replace("$HOME/", "home/")
        if not path.exists() and not Path(f"{path}.index").exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            MAKERS[name](self, name, path)
        return path

    def files(self, name):
        """All that belongs to a name: of a checkpoint several files, of lists what they list."""
        path = self.path(name)
        beside = {"photos.csv": ["photos"], "teacher.onnx": ["teacher.toml", "classes.txt"],
                  "network.onnx": ["classes.txt"]}.get(name, [])
        found = [path] if path.exists() else sorted(path.parent.glob(f"{path.name}.*"))
        return found + [self.folder / other for other in beside]

    def assemble(self, *words):
        words = [str(word) for word in words]
        done = subprocess.run(["assemble", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"assemble {' '.join(words)}\n{done.stdout}")

    def train(self, data, arch, *options):
        """The run of a short training; one for each set of options."""
        key = (data, arch, *options)
        if key not in self.trained:
            run = self.folder / "trained" / str(len(self.trained))
            self.assemble("train", "--data", self.path(data), "--out", run, "--arch", arch, "--preprocessing",
                          "imagenet_32a", "--epochs", 2, "--warmup-epochs", 0, "--batch-size", 8, "--lr", 0.01,
                          "--bn-momentum", 0.8, "--threads", 1, *options)
            self.trained[key] = run
        return self.trained[key]

    # Data sets: drawn, a folder a class, 64 pixels.
    def draw(self, path, train, validation, seed, *options):
        self.assemble("dataset", "draw", "--out", path, "--train-per-class", train, "--validation-per-class",
                      validation, "--side", 64, "--seed", seed, *options)

    @makes("shapes")
    def shapes(self, name, path):
        self.draw(path, 4, 2, 1)

    @makes("birds")
    def birds(self, name, path):
        self.draw(path, 4, 30, 2, "--zero-shot")

    @makes("photos")
    def photos(self, name, path):
        """JPEGs, as phones write them: drawn ones are no such files, but brightened ones are."""
        drawn, jpegs = self.folder / "drawn", self.folder / "jpegs"
        self.draw(drawn, 16, 4, 3)
        for split in ("train", "validation"):
            self.assemble("corrupt", "--data", drawn, "--split", split, "--out", jpegs / split, "--corruptions",
                          "brightness", "--severities", 1, "--resize", 0, "--crop", 0)
            folders = sorted((jpegs / split / "brightness" / "1").iterdir())[::2]
            for label, folder in zip(("daisy", "rose", "sunflower", "tulip"), folders):
                (path / split / label).mkdir(parents=True)
                for number, file in enumerate(sorted(folder.iterdir())):
                    shutil.copy(file, path / split / label / f"{split}_{label}_patient{number}.jpg")

    def images(self, split):
        """(path below photos, class) of each image."""
        photos = self.path("photos")
        return [(str(file.relative_to(photos)), file.parent.name) for file in sorted((photos / split).glob("*/*"))]

    @makes("signs")
    def signs(self, name, path):
        source, ending = DATA / "signdigits", "val"
        if not source.is_dir():
            source, ending = self.path("shapes"), "validation"
        for split, end, count in (("train", "train", 12), ("val", ending, 4)):
            for label, folder in enumerate(sorted((source / end).iterdir())):
                (path / split / str(label)).mkdir(parents=True)
                for file in sorted(folder.iterdir())[:count]:
                    shutil.copy(file, path / split / str(label))

    @makes("photo.jpg", "a.jpg", "b.jpg")
    def photo(self, name, path):
        images = self.images("validation")
        shutil.copy(self.path("photos") / images[len(name)][0], path)

    @makes("holiday", "other-photos")
    def folder_of_images(self, name, path):
        path.mkdir()
        for file, label in self.images("validation")[::4]:
            shutil.copy(self.path("photos") / file, path)

    @makes("all-photos")
    def without_splits(self, name, path):
        shutil.copytree(self.path("photos") / "train", path)

    @makes("photos.csv")
    def several_labels(self, name, path):
        lines = ["image,labels,split"]
        for split in ("train", "validation"):
            lines += [f"photos/{file},{label};flower,{split}" for file, label in self.images(split)]
        path.write_text("\n".join(lines) + "\n")

    @makes("logits.csv")
    def logits(self, name, path):
        classes = sorted({label for _, label in self.images("train")})
        lines = [",".join(["image", *classes])]
        for split in ("train", "validation"):
            lines += [",".join([file, *("4" if label == other else "0" for other in classes)])
                      for file, label in self.images(split)]
        path.write_text("\n".join(lines) + "\n")

    @makes("food-101")
    def food(self, name, path):
        (path / "meta").mkdir(parents=True)
        classes = set()
        for split, listed in (("train", "train"), ("validation", "test")):
            lines = []
            for file, label in self.images(split):
                classes.add(label)
                (path / "images" / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(self.path("photos") / file, path / "images" / label)
                lines.append(f"{label}/{Path(file).stem}\n")
            (path / "meta" / f"{listed}.txt").write_text("".join(lines))
        (path / "meta" / "classes.txt").write_text("".join(f"{label}\n" for label in sorted(classes)))

    def synsets(self):
        text = (TOP / "src/data/classes/imagenet_classes.cpp").read_text()
        return [f"n{int(number):08}" for number in re.findall(r"\{(\d+), \"", text)][:1000]

    @makes("imagenet")
    def imagenet(self, name, path):
        """The training images' archive as it was published, an image a class, and the validation images in folders."""
        photo = self.path("photo.jpg")
        path.mkdir()
        inner = self.folder / "synset.tar"
        with tarfile.open(path / "ILSVRC2012_img_train.tar", "w") as train:
            for synset in self.synsets():
                with tarfile.open(inner, "w") as of_class:
                    of_class.add(photo, f"{synset}_1.JPEG")
                train.add(inner, f"{synset}.tar")
        for number, synset in enumerate(self.synsets()):
            (path / "val" / synset).mkdir(parents=True)
            shutil.copy(photo, path / "val" / synset / f"ILSVRC2012_val_{number + 1:08}.JPEG")

    @makes("imagenet-records")
    def imagenet_records(self, name, path):
        self.assemble("dataset", "build", "imagenet", "--raw", self.path("imagenet"), "--out", path)

    @makes("imagenet-c")
    def imagenet_c(self, name, path):
        self.assemble("corrupt", "--data", self.path("imagenet") / "val", "--out", path, "--corruptions", "fog",
                      "--severities", 1, "--resize", 36, "--crop", 32)

    @makes("imagenet1001.txt")
    def imagenet_names(self, name, path):
        path.write_text("".join(f"{label}\n" for label in ["background", *self.synsets()]))

    @makes("imagenet-with-logits", "photos-taught")
    def taught(self, name, path):
        self.assemble("teach", "--model", self.path("runs/photos/best.safetensors"), "--data", self.path("photos"),
                      "--out", path)

    # Models.
    @makes("runs/photos/best.safetensors", "runs/first/best.safetensors", "runs/seed-1/best.safetensors",
           "runs/seed-2/best.safetensors", "runs/teacher/best.safetensors", "imagenet.safetensors")
    def model(self, name, path):
        data = "shapes" if "first" in name else "photos"
        shutil.copy(self.train(data, ASSEMBLED) / "best.safetensors", path)

    @makes("runs/own")
    def run(self, name, path):
        shutil.copytree(self.train("photos", ASSEMBLED, "--seed", 2), path)

    @makes("runs/birds/best.safetensors")
    def retrieval(self, name, path):
        run = self.train("birds", "resnet50+gem+emb16+w4", "--validation-metric", "recall@1")
        shutil.copy(run / "best.safetensors", path)

    @makes("photos-int8.onnx")
    def eight_bits(self, name, path):
        self.assemble("export", "--model", self.path("runs/photos/best.safetensors"), "--out", path, "--int8",
                      "--calibration", self.path("photos"), "--calibration-images", 16)

    @makes("teacher.onnx", "network.onnx")
    def foreign(self, name, path):
        self.assemble("export", "--model", self.path("runs/photos/best.safetensors"), "--out", path)
        path.write_bytes(as_of_pytorch(path.read_bytes()))
        labels = sorted({label for _, label in self.images("train")})
        (self.folder / "classes.txt").write_text("".join(f"{label}\n" for label in labels))
        path.with_suffix(".toml").write_text('classes = "classes.txt"\n')

    # Files of other programs.
    def convert(self, arch, path, target):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.assemble("convert", self.train("photos", arch) / "best.safetensors", path, "--to", target)

    @makes("r50.pth", "resnet50.pth")
    def torchvision(self, name, path):
        self.convert("resnet50+timm+w4", path, "torchvision")

    @makes("resnet50/model.safetensors")
    def timm(self, name, path):
        self.convert("resnet50+timm+w4", path, "timm")

    @makes("seresnet50/model.safetensors")
    def timm_se(self, name, path):
        self.convert("resnet50+se+timm+w4", path, "timm")

    @makes("tuned.safetensors")
    def tuned(self, name, path):
        shutil.copy(self.train("photos", "resnet50+timm+w4") / "best.safetensors", path)

    @makes("model.ckpt-7", "model.ckpt-374958", "checkpoints/assemble_resnet50/model.ckpt-374958",
           "assemble_resnet50/model.ckpt-600", "Assemble-ResNet50")
    def checkpoint(self, name, path):
        run = self.train("imagenet-records", ASSEMBLED, "--max-steps", 2)
        prefix = path if "ckpt" in name else path / "model.ckpt-1"
        self.assemble("convert", run / "last.safetensors", prefix, "--to", "tensorflow")

    @makes("published.safetensors", "assembled.safetensors")
    def published(self, name, path):
        self.assemble("convert", self.path("Assemble-ResNet50"), path, "--arch", ASSEMBLED, "--preprocessing",
                      "imagenet_32_32")

    @makes("mobilenet_v1_1.0_224.ckpt")
    def slim(self, name, path):
        published = GOLDEN / "slim" / "mobilenet_v1_1.0_224"
        if not published.is_dir():
            raise Absent(f"no checkpoint in {published}")
        for file in published.glob("model.ckpt.*"):
            shutil.copy(file, path.parent / file.name.replace("model.ckpt", path.name))

    @makes("mobilenetv1_100/model.safetensors")
    def timm_mobilenet(self, name, path):
        """A network of our own under timm's names, without what says that it is ours."""
        model = (self.train("photos", "mobilenet_v1+timm+w8") / "best.safetensors").read_bytes()
        size = 8 + struct.unpack("<Q", model[:8])[0]
        units = [(stage, unit) for stage, count in enumerate((1, 2, 2, 6, 2)) for unit in range(count)]
        header = {}
        for ours, tensor in json.loads(model[8:size]).items():
            theirs = re.sub(r"^units\.(\d+)\.", lambda found: "blocks.{}.{}.".format(*units[int(found[1])]), ours)
            header[re.sub("^fc\\b", "classifier", re.sub("^conv1\\b", "conv_stem", theirs))] = tensor
        del header["__metadata__"]
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + model[size:])

    @makes("x.safetensors")
    def input(self, name, path):
        write_safetensors(path, {"input_nhwc": ([1, 32, 32, 3], [0.5] * (32 * 32 * 3))})

    @makes("robust/photos/result.json")
    def robustness(self, name, path):
        self.assemble("robustness", "c", "--model", self.path("runs/photos/best.safetensors"), "--data",
                      self.path("photos"), "--out", path.parent, "--severities", 1)

    # What the tree has, and what is installed from it.
    @makes("classify.c", "ladders/demo.toml", "my_recipe.toml")
    def of_the_tree(self, name, path):
        source = {"classify.c": "examples/classify.c", "my_recipe.toml": "recipes/imagenet/E11.toml"}.get(name, name)
        text = (TOP / source).read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?<=^warmup-epochs = )\d+", "0", text, flags=re.M), encoding="utf-8")

    @makes("$HOME/assemble")
    def installed(self, name, path):
        subprocess.run(["cmake", "--install", TOP / "build", "--prefix", path], check=True, stdout=subprocess.DEVNULL)
