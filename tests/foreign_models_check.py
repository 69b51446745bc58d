# SPDX-License-Identifier: Apache-2.0
"""Compares what assemble says of other programs' networks with ONNX Runtime's answers to images that Pillow and NumPy
prepare, and what it says to input that is none."""

import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

import numpy
import onnx
import onnx.numpy_helper
import onnxruntime
import PIL
from onnx import TensorProto, helper
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "benchmarks"))
from machine import processor, version  # noqa: E402

COMMAND, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
NETWORKS, DATA = WORK / "networks", WORK / "data" / "validation"
PHOTOS = pathlib.Path(os.environ.get("ASSEMBLE_DATA", "../shared/data")) / "flowers12" / "test"
TOLERANCE = 1e-4
CLASSES = 12
ROWS = []


def assemble(*arguments, status=0):
    """What a command prints; of one that has to fail, what it says."""
    done = subprocess.run([COMMAND, *map(str, arguments), "--quiet"], capture_output=True, text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return json.loads(done.stdout) if status == 0 else done.stderr


def draw_images(folder):
    """Smooth colours in several sizes, a folder a class."""
    generator = numpy.random.default_rng(1)
    for index in range(2 * CLASSES):
        coarse = generator.integers(0, 256, (5, 6, 3), dtype=numpy.uint8)
        path = folder / f"{index % CLASSES:02}" / f"image{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (150 + 11 * index, 130 + 17 * (index % 5))
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)


def bytes_of(path, facts):
    """The square that the network sees."""
    image = Image.open(path).convert("RGB")
    size, short = facts["size"], facts["resize"]
    resampling = Image.Resampling.BICUBIC if facts["interpolation"] == "bicubic" else Image.Resampling.BILINEAR
    if facts["crop"] == "squash":
        return numpy.asarray(image.resize((size, size), resampling))
    scaled = [short if side == min(image.size) else int(short * side / min(image.size)) for side in image.size]
    left, top = (int(round((side - size) / 2)) for side in scaled)
    return numpy.asarray(image.resize(scaled, resampling).crop((left, top, left + size, top + size)))


def prepared(pixels, facts):
    if not facts.get("bytes"):
        low, high = facts["range"]
        values = pixels.astype(numpy.float32) / 255 * (high - low) + low
        pixels = (values - numpy.float32(facts["mean"])) / numpy.float32(facts["deviation"])
    return pixels[None] if facts["layout"] == "nhwc" else numpy.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


class Reference:
    def __init__(self, name, facts):
        self.facts = facts
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        self.session = onnxruntime.InferenceSession(str(NETWORKS / f"{name}.onnx"), options,
                                                    providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        self.output = facts["output"] or self.session.get_outputs()[0].name

    def logits(self, pixels):
        images = prepared(pixels, self.facts)
        fixed = self.input.shape[0]
        if isinstance(fixed, int):
            images = numpy.repeat(images, fixed, 0)
        (values,) = self.session.run([self.output], {self.input.name: images})
        values = values[0].reshape(-1).astype(numpy.float64)
        return numpy.log(values) if self.facts["softmax"] else values


def log_softmax(logits):
    logits = logits - logits.max()
    return logits - numpy.log(numpy.exp(logits).sum())


def images_of(folder):
    return sorted(path for path in folder.glob("*/*") if path.is_file())


def check_network(name, facts, ending):
    reference = Reference(facts.get("same_as", name), facts)
    model = NETWORKS / f"{name}{ending}"
    options = facts["options"]
    paths = images_of(DATA)
    predicted = assemble("predict", "--model", model, *paths, "--top", CLASSES, "--json", "--cache", "", *options)
    difference = largest = loss = right = 0
    for path, prediction in zip(paths, predicted["predictions"]):
        assert prediction["image"] == str(path)
        logits = reference.logits(bytes_of(path, facts))
        expected = log_softmax(logits)
        found = numpy.zeros(CLASSES)
        for entry in prediction["classes"]:
            found[entry["label"]] = numpy.log(entry["probability"])
        difference = max(difference, numpy.abs(found - expected).max())
        largest = max(largest, numpy.abs(logits - logits.mean()).max())
        label = int(path.parent.name)
        loss -= expected[label] / len(paths)
        right += int(expected.argmax() == label)
    evaluated = assemble("eval", "--model", model, "--data", DATA.parent, "--label-offset", "0",
                         "--json", "--cache", "", *[option for option in options if "names" not in option
                                                    and not option.endswith(".txt")])
    assert evaluated["images"] == len(paths)
    assert round(evaluated["top1"] * len(paths)) == right, (name, evaluated["top1"], right)
    assert abs(evaluated["loss"] - loss) < TOLERANCE * max(1, loss), (name, evaluated["loss"], loss)
    print(f"{name}: largest difference {difference:.1e} of log-probabilities, logits spread over ±{largest:.3g}")
    ROWS.append([name, "log-probabilities", len(paths), f"{largest:.4g}", f"{difference:.2e}"])
    assert difference <= TOLERANCE, name
    assert largest > 0.05, f"{name}: answers that hardly differ prove nothing"


def check_corruptions(name, facts):
    """Errors under stored corruptions are those of a loop over the same files."""
    stored = WORK / "corrupted"
    assemble("corrupt", "--data", PHOTOS.parent, "--out", stored, "--resize", facts["resize"], "--crop", facts["size"], "--json")
    model = NETWORKS / f"{name}.onnx"
    result = assemble("robustness", "c", "--model", model, "--data", stored, "--json", "--cache", "",
                      "--baseline", model, *facts["options"])
    reference = Reference(name, facts)
    labels = {line: label for label, line in enumerate((NETWORKS / "flowers12.txt").read_text().split())}
    measured = images = 0
    errors = []
    for corruption in sorted(path.name for path in stored.iterdir() if path.is_dir()):
        of_severities = []
        for severity in range(1, 6):
            paths = images_of(stored / corruption / str(severity))
            wrong = sum(int(reference.logits(numpy.asarray(Image.open(path).convert("RGB"))).argmax()
                            != labels[path.parent.name]) for path in paths)
            found = result["measured"]["corruptions"][corruption][str(severity)]
            assert found["images"] == len(paths), (corruption, severity)
            assert round(found["error"] * len(paths)) == wrong, (corruption, severity, found["error"], wrong)
            measured += 1
            images += len(paths)
            of_severities.append(wrong / len(paths))
        errors.append((corruption, numpy.mean(of_severities)))
    mean = 100 * numpy.mean([error for _, error in errors])
    print(f"{name}: {measured} corruptions and severities, {images} images, each error equal to the image; "
          f"mean error {mean:.2f} %")
    ROWS.append([name, "errors under stored corruptions", images, f"{mean:.4g} %", "0"])
    assert abs(result["unnormalised_mce_19"] - mean) < 1e-6, (result["unnormalised_mce_19"], mean)
    assert abs(result["mce_19"] - 100) < 1e-6, "against itself"


def small_network(path, inputs, outputs):
    """A graph of no sense, with these inputs and outputs."""
    nodes = [helper.make_node("Identity", [inputs[0][0]], [name]) for name, _ in outputs]
    values = [[helper.make_tensor_value_info(name, kind, dims) for name, kind, dims in inputs],
              [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in outputs]]
    graph = helper.make_graph(nodes, "graph", *values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def classifier(path, classes):
    """Means of the channels by a matrix."""
    matrix = numpy.random.default_rng(1).standard_normal((3, classes)).astype(numpy.float32)
    nodes = [helper.make_node("GlobalAveragePool", ["images"], ["pooled"]), helper.make_node("Flatten", ["pooled"], ["f"]),
             helper.make_node("MatMul", ["f", "w"], ["y"])]
    graph = helper.make_graph(nodes, "graph",
                              [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 64, 64])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", classes])],
                              [onnx.numpy_helper.from_array(matrix, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def check_bad_input():
    data = DATA

    def says(arguments, *parts, status=3):
        error = assemble(*arguments, "--cache", "", status=status)
        for part in parts:
            assert part in error, (part, error)

    image = ("images", TensorProto.FLOAT, ["n", 3, 64, 64])
    two = WORK / "two.onnx"
    small_network(two, [image, ("state", TensorProto.FLOAT, ["n", 8])], [("y", ["n", 12])])
    says(["eval", "--model", two, "--data", data.parent], "has 2 inputs", "as its only input")
    detector = WORK / "detector.onnx"
    small_network(detector, [image], [("boxes", ["n", 100, 4]), ("scores", ["n", 100, 91])])
    says(["predict", "--model", detector, data], "none of its outputs is [N, classes]", "detector")
    text = WORK / "text.onnx"
    small_network(text, [("input_ids", TensorProto.INT64, ["n", 128])], [("y", ["n", 2])])
    says(["predict", "--model", text, data], "takes int64", "a classifier of images")
    words = WORK / "words.txt"
    words.write_text("no image\n")
    predictions = subprocess.run([COMMAND, "predict", "--model", NETWORKS / "torch_efficientnet.onnx", words, "--json",
                                  "--quiet"], capture_output=True, text=True)
    assert predictions.returncode == 3 and "could not be read" in predictions.stderr, predictions.stderr
    thousand = WORK / "thousand.onnx"
    classifier(thousand, 1000)
    says(["eval", "--model", thousand, "--data", data.parent, "--value-range", "0", "255"], "has 12 classes", "has 1000 classes",
         "--label-offset", "--class-map")
    efficientnet = NETWORKS / "torch_efficientnet.onnx"
    beside = efficientnet.with_suffix(".toml")
    for contents, parts in (("size = 224", ["'size' 224", "takes images of 64", "torch_efficientnet.toml"]),
                            ('layout = "nhwc"', ["taken as nhwc"]), ("label-offset = 12", ["leaves none of the 12"]),
                            ('output-name = "z"', ["is no output of", "its outputs are 'y'"])):
        beside.write_text(contents + "\n")
        says(["predict", "--model", efficientnet, data], *parts)
    beside.write_text("intepolation = 'bicubic'\n")
    says(["predict", "--model", efficientnet, data], "did you mean interpolation?", status=2)
    beside.write_text('output = "softmax"\n')
    says(["predict", "--model", efficientnet, data], "do not add up to 1", "--output-kind logits")
    beside.unlink()
    print("bad input: every kind says what it is and what to do")


draw_images(DATA)
specifications = {path.stem: json.loads(path.read_text()) for path in sorted(NETWORKS.glob("*.json"))}
for name, facts in specifications.items():
    facts = {**specifications[facts["same_as"]], **facts} if "same_as" in facts else facts
    check_network(name, facts, ".xml" if "same_as" in facts else ".onnx")
check_bad_input()
for name, facts in specifications.items():
    if facts.get("trained"):
        check_corruptions(name, facts)
if len(sys.argv) > 3:
    with open(sys.argv[3], "w", newline="") as file:
        packages = ", ".join(f"{package.__name__} {package.__version__}" for package in (onnx, onnxruntime, PIL, numpy))
        file.write(f"# {datetime.date.today()}, {processor()}, {version(COMMAND)}, {packages}\n")
        file.write("# command: ASSEMBLE_TORCH_PYTHON=PYTHON ASSEMBLE_KERAS_PYTHON=PYTHON tests/foreign_models_test.sh "
                   "FILE.csv\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["network", "compared", "images", "largest_logit_or_error", "largest_difference"])
        writer.writerows(ROWS)
